import DenpaCore

extension JSON {
  /// Returns compact JSON: no white space, members in their order, floats in the fewest digits that read back
  /// to the same bits. The same value gives the same bytes, everywhere. A document that reading would refuse,
  /// for its depth or its number of values, is refused here, so that everything saved can be loaded.
  public func serialized() throws(DenpaError) -> [UInt8] {
    var writer = JSONWriter()
    var values = 0
    try writer.value(self, depth: 0, &values)
    guard values <= JSON.valueLimit(byteCount: writer.bytes.count) else {
      throw DenpaError(.limitExceeded, "JSON: \(values) values are too many for \(writer.bytes.count) bytes")
    }
    try checkMemory("a JSON document")
    return writer.bytes
  }

  /// `serialized()` as a string.
  public func text() throws(DenpaError) -> String { String(decoding: try serialized(), as: UTF8.self) }
}

/// Appends JSON tokens to bytes.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }

  mutating func integer(_ value: some FixedWidthInteger) { bytes.append(contentsOf: String(value).utf8) }

  /// The standard library prints the shortest decimal that reads back exactly, always with a point or an
  /// exponent, so that a float stays a float.
  mutating func number(_ value: Double) {
    if value.isFinite {
      bytes.append(contentsOf: value.description.utf8)
    } else {
      string(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")
    }
  }

  /// Escapes only what JSON demands, in the same way as Rust's serde_json and thus the reference
  /// implementation of safetensors: the short escapes if there is one, otherwise \u00xx in lowercase.
  mutating func string(_ text: String) {
    raw("\"")
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): raw("\\\"")
      case UInt8(ascii: "\\"): raw("\\\\")
      case 0x08: raw("\\b")
      case 0x09: raw("\\t")
      case 0x0A: raw("\\n")
      case 0x0C: raw("\\f")
      case 0x0D: raw("\\r")
      case 0..<0x20:
        raw(byte < 0x10 ? "\\u000" : "\\u001")
        bytes.append(contentsOf: String(byte & 0xF, radix: 16).utf8)
      default: bytes.append(byte)
      }
    }
    raw("\"")
  }

  fileprivate mutating func value(_ value: JSON, depth: Int, _ values: inout Int) throws(DenpaError) {
    values += 1
    switch value {
    case .null: raw("null")
    case .bool(let value): raw(value ? "true" : "false")
    case .integer(let value): integer(value)
    case .number(let value): number(value)
    case .string(let value): string(value)
    case .array(let elements):
      try check(depth: depth + 1)
      raw("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { raw(",") }
        try self.value(element, depth: depth + 1, &values)
      }
      raw("]")
    case .object(let object):
      try check(depth: depth + 1)
      raw("{")
      for (index, member) in object.members.enumerated() {
        if index > 0 { raw(",") }
        string(member.key)
        raw(":")
        try self.value(member.value, depth: depth + 1, &values)
      }
      raw("}")
    }
  }

  private func check(depth: Int) throws(DenpaError) {
    guard depth <= JSON.depthLimit else {
      throw DenpaError(.limitExceeded, "JSON: more than \(JSON.depthLimit) levels of arrays and objects")
    }
  }

  /// Appends white space up to a multiple of `alignment` bytes.
  mutating func pad(to alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(UInt8(ascii: " ")) }
  }
}
