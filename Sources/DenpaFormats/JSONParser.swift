import DenpaCore

extension JSON {
  /// Reads one JSON document, strictly: valid UTF-8, no key twice in an object, at most `depthLimit` levels and
  /// `valueLimit` values, every number representable, nothing behind the document.
  public static func parse(_ text: UnsafeRawBufferPointer) throws(DenpaError) -> JSON {
    var scanner = try JSONScanner(text)
    var valuesLeft = valueLimit(byteCount: text.count)
    let value = try scanner.value(depth: 0, &valuesLeft)
    try scanner.end()
    return value
  }

  public static func parse(_ text: String) throws(DenpaError) -> JSON {
    var text = text
    let result: Result<JSON, DenpaError> = text.withUTF8 { bytes in
      do throws(DenpaError) {
        return .success(try parse(UnsafeRawBufferPointer(bytes)))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

extension JSONScanner {
  /// Any value, as a tree. `depth` counts the arrays and objects around it.
  fileprivate mutating func value(depth: Int, _ valuesLeft: inout Int) throws(DenpaError) -> JSON {
    guard valuesLeft > 0 else { throw fail("too many values for the length of the text") }
    valuesLeft -= 1
    try checkMemory("a JSON document")
    switch next() {
    case UInt8(ascii: "{"): return .object(try objectTree(depth: depth + 1, &valuesLeft))
    case UInt8(ascii: "["): return .array(try arrayTree(depth: depth + 1, &valuesLeft))
    case UInt8(ascii: "\""): return .string(try string())
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"): return try number()
    case UInt8(ascii: "t"):
      try literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      return .bool(false)
    default:
      try literal("null")
      return .null
    }
  }

  private func check(depth: Int) throws(DenpaError) {
    guard depth <= JSON.depthLimit else { throw fail("more than \(JSON.depthLimit) levels") }
  }

  private mutating func arrayTree(depth: Int, _ valuesLeft: inout Int) throws(DenpaError) -> [JSON] {
    try check(depth: depth)
    var elements: [JSON] = []
    try array { (scanner) throws(DenpaError) in
      elements.append(try scanner.value(depth: depth, &valuesLeft))
    }
    return elements
  }

  private mutating func objectTree(depth: Int, _ valuesLeft: inout Int) throws(DenpaError) -> JSONObject {
    try check(depth: depth)
    var members: [JSONObject.Member] = []
    // A set only for large objects: for the many small ones a search is faster.
    var keys: Set<String> = []
    try object { (scanner, key) throws(DenpaError) in
      let known: Bool
      if members.count < 16 {
        known = members.contains { $0.key == key }
      } else {
        if keys.isEmpty { keys = Set(members.map(\.key)) }
        known = !keys.insert(key).inserted
      }
      guard !known else { throw scanner.fail("the key \"\(key)\" twice in one object") }
      members.append(JSONObject.Member(key: key, value: try scanner.value(depth: depth, &valuesLeft)))
    }
    return JSONObject(distinct: members)
  }
}
