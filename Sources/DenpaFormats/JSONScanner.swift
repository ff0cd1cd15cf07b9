import DenpaCore

/// Reads a JSON text token by token, strictly, and stores nothing: the header of a weight file is read
/// straight into its tensors, without a tree in between, so that its memory is bounded by theirs.
///
/// The grammar is exactly RFC 8259's. Positions in errors count from the file's first byte.
struct JSONScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position = 0
  private let origin: Int
  /// The number of arrays and objects around the position.
  private var depth = 0

  /// `origin` is where the text begins in its file. The whole text is validated as UTF-8 at once, so that
  /// strings cut out of it need no further check.
  init(_ text: UnsafeRawBufferPointer, origin: Int = 0) throws(DenpaError) {
    bytes = text.bindMemory(to: UInt8.self)
    self.origin = origin
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw fail("invalid UTF-8", at: error.byteOffsets.lowerBound)
    }
  }

  func fail(_ what: Message, at place: Int? = nil) -> DenpaError {
    DenpaError(.badFile, "JSON, byte \(origin + (place ?? position)): \(what)")
  }

  private func expected(_ what: StaticString) -> DenpaError {
    guard position < bytes.count else { return fail("expected \(what), the text ends") }
    var shown = Message()
    let byte = bytes[position]
    if (0x20..<0x7F).contains(byte) {
      withUnsafeBytes(of: byte) { shown.append($0) }
      return fail("expected \(what), got '\(shown)'")
    }
    return fail("expected \(what), got byte \(byte)")
  }

  // MARK: - Tokens

  /// Skips white space and returns the first byte of the next token.
  mutating func next() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  /// Skips `byte` if it comes next.
  private mutating func take(_ byte: UInt8) -> Bool {
    guard next() == byte else { return false }
    position += 1
    return true
  }

  mutating func end() throws(DenpaError) {
    guard next() == nil else { throw expected("nothing more") }
  }

  mutating func literal(_ word: StaticString) throws(DenpaError) {
    let length = word.utf8CodeUnitCount
    guard next() != nil, bytes.count - position >= length,
      word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<position + length]) })
    else { throw expected("a value") }
    position += length
  }

  /// The maximum bytes of a key: it is compared with known ones, and must not cost as much as the text.
  private static let keyLimit = 65_536

  /// The state of reading an object or array.
  struct Members {
    fileprivate var isFirst = true
  }

  /// Begins an object; unlike with closures, each object needs no specialized code:
  ///
  ///     var members = try scanner.beginObject()
  ///     while let key = try scanner.nextKey(&members) { /* read the value */ }
  mutating func beginObject() throws(DenpaError) -> Members {
    guard take(UInt8(ascii: "{")) else { throw expected("'{'") }
    try enter()
    return Members()
  }

  /// Returns the next key and moves past its colon; nil at the end of the object.
  mutating func nextKey(_ members: inout Members) throws(DenpaError) -> String? {
    guard try goesOn(&members, UInt8(ascii: "}"), "',' or '}'") else { return nil }
    let key = try string(limit: JSONScanner.keyLimit)
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
    return key
  }

  mutating func beginArray() throws(DenpaError) -> Members {
    guard take(UInt8(ascii: "[")) else { throw expected("'['") }
    try enter()
    return Members()
  }

  /// Returns whether there is another element, which must then be read.
  mutating func nextElement(_ members: inout Members) throws(DenpaError) -> Bool {
    try goesOn(&members, UInt8(ascii: "]"), "',' or ']'")
  }

  private mutating func goesOn(
    _ members: inout Members, _ end: UInt8, _ what: StaticString
  ) throws(DenpaError) -> Bool {
    if members.isFirst {
      members.isFirst = false
      guard take(end) else { return true }
    } else {
      if take(UInt8(ascii: ",")) { return true }
      guard take(end) else { throw expected(what) }
    }
    depth -= 1
    return false
  }

  private mutating func enter() throws(DenpaError) {
    guard depth < JSON.depthLimit else { throw fail("more than \(JSON.depthLimit) levels") }
    depth += 1
  }

  /// Skips a value of any kind. Strings are not decoded.
  mutating func skip() throws(DenpaError) {
    switch next() {
    case UInt8(ascii: "{"):
      var members = try beginObject()
      while try nextKey(&members) != nil { try skip() }
    case UInt8(ascii: "["):
      var elements = try beginArray()
      while try nextElement(&elements) { try skip() }
    case UInt8(ascii: "\""): _ = try quoted(limit: .max)
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"): _ = try number()
    case UInt8(ascii: "t"): try literal("true")
    case UInt8(ascii: "f"): try literal("false")
    default: try literal("null")
    }
  }

  // MARK: - Numbers

  /// Reads a number without fraction and exponent, exactly.
  mutating func integer() throws(DenpaError) -> Int64 {
    guard next() != nil else { throw expected("an integer") }
    let start = position
    guard case .integer(let value) = try number() else { throw fail("expected an integer", at: start) }
    return value
  }

  /// Reads a number. An integer beyond Int64 is refused: rounding it to a float would silently change it.
  mutating func number() throws(DenpaError) -> JSON {
    guard next() != nil else { throw expected("a number") }
    let start = position
    let negative = skip(UInt8(ascii: "-"))
    let whole = digits()
    guard whole > 0 else { throw expected("a digit") }
    if whole > 1, bytes[position - whole] == UInt8(ascii: "0") {
      throw fail("a number begins with a superfluous 0", at: start)
    }
    var isInteger = true
    if skip(UInt8(ascii: ".")) {
      isInteger = false
      guard digits() > 0 else { throw expected("a digit") }
    }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      isInteger = false
      if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
      guard digits() > 0 else { throw expected("a digit") }
    }
    // Exact decimal expansions of float64 have at most 1,077 characters; longer ones would only cost time.
    guard position - start <= 1_100 else { throw fail("a number of more than 1100 characters", at: start) }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger {
      guard let value = Int64(text) else { throw fail("an integer beyond 64 bits", at: start) }
      // "-0" is a float: as an integer it would lose its sign.
      return negative && value == 0 ? .number(-0.0) : .integer(value)
    }
    guard let value = Double(text), value.isFinite else { throw fail("a number beyond float64", at: start) }
    return .number(value)
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func digits() -> Int {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      position += 1
    }
    return position - start
  }

  // MARK: - Strings

  /// `limit` is the maximum number of bytes in the text.
  mutating func string(limit: Int = .max) throws(DenpaError) -> String {
    let (raw, escaped) = try quoted(limit: limit)
    return escaped ? try unescape(raw) : String(decoding: raw, as: UTF8.self)
  }

  /// Returns the text between the quotes, and whether it contains escapes.
  private mutating func quoted(
    limit: Int
  ) throws(DenpaError) -> (raw: Slice<UnsafeBufferPointer<UInt8>>, escaped: Bool) {
    guard next() == UInt8(ascii: "\"") else { throw expected("a string") }
    let start = position + 1
    var end = start
    var escaped = false
    // Finds the closing quote first: it bounds the result's memory, and most strings have no escapes.
    while true {
      guard end < bytes.count else { throw fail("the string does not end", at: position) }
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") { break }
      guard byte >= 0x20 else { throw fail("a control character in a string", at: end) }
      if byte == UInt8(ascii: "\\") {
        escaped = true
        end += 1
      }
      end += 1
    }
    guard end - start <= limit else { throw fail("a string of more than \(limit) bytes") }
    position = end + 1
    return (bytes[start..<end], escaped)
  }

  private func unescape(_ raw: Slice<UnsafeBufferPointer<UInt8>>) throws(DenpaError) -> String {
    var failure: DenpaError?
    // No escape is shorter than its character.
    let result = String(unsafeUninitializedCapacity: raw.count) { target in
      var count = 0
      var index = raw.startIndex
      while index < raw.endIndex {
        if raw[index] != UInt8(ascii: "\\") {
          target[count] = raw[index]
          count += 1
          index += 1
          continue
        }
        do throws(DenpaError) {
          for byte in UTF8.encode(try escape(raw, &index)) ?? UTF8.encodedReplacementCharacter {
            target[count] = byte
            count += 1
          }
        } catch {
          failure = error
          return 0
        }
      }
      return count
    }
    if let failure { throw failure }
    return result
  }

  /// Decodes the escape at `index`, which moves past it.
  private func escape(_ raw: Slice<UnsafeBufferPointer<UInt8>>, _ index: inout Int) throws(DenpaError)
    -> Unicode.Scalar
  {
    let start = index
    guard index + 1 < raw.endIndex else { throw fail("an escape without a character", at: start) }
    let letter = raw[index + 1]
    index += 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw fail("an unknown escape in a string", at: start)
    }
    let unit = try fourHexDigits(raw, &index)
    if let scalar = Unicode.Scalar(unit) { return scalar }
    // A character beyond U+FFFF is two escapes, a high and a low surrogate; neither may occur alone.
    guard unit < 0xDC00, index + 1 < raw.endIndex, raw[index] == UInt8(ascii: "\\"),
      raw[index + 1] == UInt8(ascii: "u")
    else { throw fail("half a surrogate pair", at: start) }
    index += 2
    let low = try fourHexDigits(raw, &index)
    guard (0xDC00...0xDFFF).contains(low),
      let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
    else { throw fail("half a surrogate pair", at: start) }
    return scalar
  }

  private func fourHexDigits(_ raw: Slice<UnsafeBufferPointer<UInt8>>, _ index: inout Int) throws(DenpaError)
    -> UInt32
  {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard index < raw.endIndex, let digit = Character(Unicode.Scalar(raw[index])).hexDigitValue else {
        throw fail("\\u needs four hexadecimal digits", at: index)
      }
      value = value << 4 | UInt32(digit)
      index += 1
    }
    return value
  }
}
