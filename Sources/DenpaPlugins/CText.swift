import DenpaCore

/// Texts from outside.
public enum CText {
  /// The maximum bytes of a name.
  public static let nameLimit = 255
  /// The maximum bytes of other texts, 64 KiB.
  public static let limit = 65_536

  /// Reads a text of at most `limit` bytes, never looking further. `what` is named in the error.
  public static func read(_ text: UnsafePointer<CChar>?, limit: Int, _ what: Message) throws(DenpaError)
    -> String
  {
    guard let result = String(validating: try bytes(text, limit: limit, what), as: UTF8.self) else {
      throw DenpaError(.badArgument, "\(what) is not UTF-8")
    }
    return result
  }

  /// The bytes of a text, without the terminating 0; at most `limit`, without looking further.
  public static func bytes(_ text: UnsafePointer<CChar>?, limit: Int, _ what: Message) throws(DenpaError)
    -> UnsafeRawBufferPointer
  {
    guard let text else { throw DenpaError(.badArgument, "\(what) is NULL") }
    var length = 0
    while text[length] != 0 {
      length += 1
      guard length <= limit else { throw DenpaError(.limitExceeded, "\(what) has more than \(limit) bytes") }
    }
    return UnsafeRawBufferPointer(start: text, count: length)
  }

  /// Reads a name of letters, digits and '_' that does not begin with a digit: valid in every binding.
  static func readIdentifier(_ text: UnsafePointer<CChar>?, _ what: Message) throws(DenpaError) -> String {
    let name = try read(text, limit: nameLimit, what)
    let wellFormed = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard wellFormed, let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else {
      throw DenpaError(
        .badArgument, "\(what) is \"\(name)\": expected letters, digits and '_', and no digit in front")
    }
    return name
  }
}
