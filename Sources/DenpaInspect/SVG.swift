import DenpaCore

/// An SVG document that grows: elements with whole coordinates, whose looks are classes of one style sheet
/// for light and dark.
///
/// Classes begin with "dp-", because in a page the style sheets of all its drawings are one.
struct SVG {
  private(set) var body = Text()

  enum Anchor { case start, middle, end }

  mutating func line(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int, _ style: StaticString, width: Double? = nil)
  {
    body += "<line x1=\""
    body.add(x1)
    body += "\" y1=\""
    body.add(y1)
    body += "\" x2=\""
    body.add(x2)
    body += "\" y2=\""
    body.add(y2)
    attributes(style, width)
  }

  /// A curve through points that is horizontal in each of them, with an arrow at its end.
  mutating func curve(_ points: [(x: Int, y: Int)], _ style: StaticString) {
    body += "<path d=\"M"
    for (index, point) in points.enumerated() {
      if index > 0 {
        let middle = (points[index - 1].x + point.x) / 2
        body += " C"
        pair(middle, points[index - 1].y)
        body += " "
        pair(middle, point.y)
        body += " "
      }
      pair(point.x, point.y)
    }
    body += "\" marker-end=\"url(#dp-arrow)"
    attributes(style, nil)
  }

  private mutating func pair(_ x: Int, _ y: Int) {
    body.add(x)
    body += ","
    body.add(y)
  }

  mutating func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ style: StaticString) {
    body += "<rect x=\""
    body.add(x)
    body += "\" y=\""
    body.add(y)
    body += "\" width=\""
    body.add(width)
    body += "\" height=\""
    body.add(height)
    body += "\" rx=\"6"
    attributes(style, nil)
  }

  mutating func circle(_ x: Int, _ y: Int, _ radius: Int, _ style: StaticString) {
    body += "<circle cx=\""
    body.add(x)
    body += "\" cy=\""
    body.add(y)
    body += "\" r=\""
    body.add(radius)
    attributes(style, nil)
  }

  mutating func text(_ x: Int, _ y: Int, _ text: Text, _ style: StaticString, _ anchor: Anchor = .middle) {
    guard !text.bytes.isEmpty else { return }
    body += "<text x=\""
    body.add(x)
    body += "\" y=\""
    body.add(y)
    body += "\" class=\""
    body += style
    switch anchor {
    case .start: body += "\">"
    case .middle: body += "\" text-anchor=\"middle\">"
    case .end: body += "\" text-anchor=\"end\">"
    }
    body.add(escaped: text)
    body += "</text>\n"
  }

  private mutating func attributes(_ style: StaticString, _ width: Double?) {
    body += "\" class=\""
    body += style
    if let width {
      body += "\" stroke-width=\""
      body.add(width, digits: 3)
    }
    body += "\"/>\n"
  }

  /// The document: what was drawn, in `width` × `height`, with a title.
  func document(_ width: Int, _ height: Int, _ title: Text) -> Text {
    var text = Text()
    text += "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
    text.add(width)
    text += " "
    text.add(height)
    text += "\" width=\""
    text.add(width)
    text += "\" height=\""
    text.add(height)
    text += "\" role=\"img\" xml:space=\"preserve\">\n<title>"
    text.add(escaped: title)
    text += "</title>\n"
    text += SVG.style
    text.add(body)
    text += "</svg>\n"
    return text
  }

  private static let style: StaticString = """
    <style>
    .dp-page{fill:#fff}.dp-text{font:13px system-ui,sans-serif;fill:#1b1f24}.dp-strong{font-weight:600}
    .dp-small{font:11px system-ui,sans-serif;fill:#57606a}
    .dp-value{font:11px ui-monospace,monospace;fill:#0b5cad}
    .dp-gradient{font:11px ui-monospace,monospace;fill:#b4330a}
    .dp-box{fill:#f3f6fa;stroke:#57606a}.dp-data{fill:#e6f0fb;stroke:#0b5cad}
    .dp-loss{fill:#fdeee6;stroke:#b4330a}
    .dp-edge{fill:none;stroke:#57606a;stroke-width:1.3}.dp-head{fill:#57606a}
    .dp-positive{stroke:#2f7fd1}.dp-negative{stroke:#d9642b}
    .dp-chosen{stroke:#b3005e}.dp-ring{fill:none;stroke:#b3005e;stroke-width:3}
    .dp-back{stroke:#b3005e;stroke-dasharray:6 4}
    .dp-fixed{white-space:pre}
    .dp-halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
    @media (prefers-color-scheme:dark){
    .dp-page{fill:#14171c}.dp-text{fill:#e8edf3}.dp-small{fill:#9aa6b2}.dp-value{fill:#79b8ff}
    .dp-gradient{fill:#ff9a6b}
    .dp-box{fill:#20262e;stroke:#9aa6b2}.dp-data{fill:#12293f;stroke:#79b8ff}
    .dp-loss{fill:#3a2218;stroke:#ff9a6b}
    .dp-edge{stroke:#9aa6b2}.dp-head{fill:#9aa6b2}.dp-positive{stroke:#4f9ce6}.dp-negative{stroke:#e67f4b}
    .dp-chosen,.dp-ring,.dp-back{stroke:#ff6fb5}.dp-halo{stroke:#14171c}}
    </style>
    <defs><marker id="dp-arrow" viewBox="0 0 8 8" refX="7" refY="4"
     markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" class="dp-head"/></marker></defs>
    <rect width="100%" height="100%" class="dp-page"/>

    """
}

extension Text {
  /// Appends text as XML's character data or as an attribute's value; characters that XML does not allow
  /// become question marks.
  mutating func add(escaped text: Text) {
    let bytes = text.bytes
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "&"): self += "&amp;"
      case UInt8(ascii: "<"): self += "&lt;"
      case UInt8(ascii: ">"): self += "&gt;"
      case UInt8(ascii: "\""): self += "&quot;"
      case UInt8(ascii: "'"): self += "&#39;"
      case 9, 10, 13: self += " "
      case 0..<32, 127: self += "?"
      // U+FFFE and U+FFFF
      case 0xEF where index + 1 < bytes.count && bytes[index] == 0xBF && bytes[index + 1] >= 0xBE:
        self += "?"
        index += 2
      default: add(byte: byte)
      }
    }
  }

  /// Appends text in double quotes, as DOT has it.
  mutating func add(quoted text: Text) {
    self += "\""
    for byte in text.bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        self += "\\"
        add(byte: byte)
      case 10: self += "\\n"
      case 0..<32, 127: self += "?"
      default: add(byte: byte)
      }
    }
    self += "\""
  }

  init(_ text: String) {
    self.init()
    add(text)
  }

  /// About how wide it is in a proportional font of 13 pixels.
  var pixels: Int { width * 8 }
}
