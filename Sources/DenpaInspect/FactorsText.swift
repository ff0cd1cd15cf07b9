import DenpaCore
import DenpaGraph

/// Factors as text: each term that comes back, their sum, and the other factors, one on a line.
extension Trace {
  public func text(_ factors: Factors) throws(DenpaError) -> Text {
    var lines = Lines(digits: model.dtype == .float64 ? 10 : 7)
    for term in factors.terms {
      lines.begin("  from ")
      lines.text.add(label(ofNode: term.node))
      if let unit = term.unit {
        lines.text.add(brackets: [unit])
        lines.text += ": "
        lines.text.add(term.error, digits: lines.digits)
        lines.text += " · "
        lines.text.add(term.slope, digits: lines.digits)
        lines.text += " · "
        lines.text.add(term.weight, digits: lines.digits)
      }
      lines.end(term.product)
    }
    lines.begin("  what comes back, their sum")
    lines.end(factors.error)
    lines.begin(
      factors.slope == nil ? "· the derivative (there is no activation)" : "· the derivative at the unit")
    lines.end(factors.slope ?? 1)
    lines.begin("· what comes in")
    if let input = factors.inputIndex {
      lines.text += ", "
      lines.text.add(label(ofValue: graph.nodes[factors.node].inputs[0]))
      lines.text.add(brackets: [input])
    }
    lines.end(factors.input)
    lines.begin("= the product")
    lines.end(factors.product)
    lines.begin("  the gradient, the sum over all rows")
    lines.end(factors.gradient)

    var text = Text()
    text += "dE/d"
    text.add(label(ofParameter: factors.parameter))
    text.add(brackets: factors.index)
    text += ", row "
    text.add(factors.row)
    text += ": error coming back (dE/dz · f'(u) · w) · derivative f'(u) · input\n"
    lines.write(to: &text)
    try checkMemory("the text of factors")
    return text
  }
}

extension Text {
  /// Appends [0, 1].
  mutating func add(brackets index: [Int]) {
    self += "["
    for position in index.indices {
      if position > 0 { self += ", " }
      add(index[position])
    }
    self += "]"
  }

  /// How many characters the text has.
  var width: Int {
    var width = 0
    for byte in bytes where byte & 0xC0 != 0x80 { width += 1 }
    return width
  }
}

/// Lines that end in a number, whose equals signs are below each other.
private struct Lines {
  let digits: Int
  var text = Text()
  private var lines: [Text] = []
  private var values: [Double] = []

  init(digits: Int) { self.digits = digits }

  @inline(never)
  mutating func begin(_ words: StaticString) {
    text = Text()
    text += words
  }

  @inline(never)
  mutating func end(_ value: Double) {
    lines.append(text)
    values.append(value)
  }

  func write(to result: inout Text) {
    var width = 0
    for line in lines { width = max(width, line.width) }
    for index in lines.indices {
      result.add(lines[index])
      result.add(spaces: width - lines[index].width)
      result += " = "
      result.add(values[index], digits: digits)
      result += "\n"
    }
  }
}
