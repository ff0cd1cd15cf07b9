import DenpaCore

@testable import DenpaFormats

/// Reads a whole document as a tree with the scanner with which the library reads files.
extension JSON {
  static func parse(_ text: UnsafeRawBufferPointer) throws(DenpaError) -> JSON {
    var scanner = try JSONScanner(text)
    let value = try scanner.value()
    try scanner.end()
    return value
  }

  static func parse(_ text: String) throws(DenpaError) -> JSON {
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

/// Access to the contents.
extension JSON {
  /// A member of an object; `nil` if there is none or this is not an object.
  subscript(key: String) -> JSON? { object?[key] }

  /// An element of an array; `nil` if there is none or this is not an array.
  subscript(index: Int) -> JSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  var isNull: Bool { self == .null }

  var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  var int: Int64? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  var array: [JSON]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }
}

extension JSONScanner {
  fileprivate mutating func value() throws(DenpaError) -> JSON {
    switch next() {
    case UInt8(ascii: "{"): return .object(try objectTree())
    case UInt8(ascii: "["): return .array(try arrayTree())
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

  private mutating func arrayTree() throws(DenpaError) -> [JSON] {
    var elements: [JSON] = []
    var rest = try beginArray()
    while try nextElement(&rest) { elements.append(try value()) }
    return elements
  }

  private mutating func objectTree() throws(DenpaError) -> JSONObject {
    var members = JSONObject()
    var rest = try beginObject()
    while let key = try nextKey(&rest) {
      guard members[key] == nil else { throw fail("the key \"\(key)\" twice in one object") }
      members[key] = try value()
    }
    return members
  }
}
