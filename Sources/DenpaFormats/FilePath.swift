import DenpaCore

/// A path as the system sees it: bytes other than 0, which are usually but not necessarily UTF-8.
public struct FilePath: Sendable, Equatable, ExpressibleByStringLiteral {
  /// With a terminating zero byte, for C.
  let bytes: [CChar]

  public init(_ bytes: some Collection<UInt8>) {
    self.bytes = bytes.map { CChar(bitPattern: $0) } + [0]
  }

  public init(_ text: String) { self.init(text.utf8) }

  public init(stringLiteral text: String) { self.init(text) }

  private var content: ArraySlice<CChar> { bytes.dropLast() }

  var isEmpty: Bool { bytes.count == 1 }
  var hasZeroByte: Bool { content.contains(0) }
  var isAbsolute: Bool { bytes[0] == FilePath.slash }

  /// The path for messages. The end of a long path says more than its beginning, and the message must have
  /// room for the reason.
  public var shown: Message {
    let limit = 300
    guard content.count > limit else { return "\"\(FilePath.text(content))\"" }
    let end = content.suffix(limit).drop { UInt8(bitPattern: $0) & 0xC0 == 0x80 }
    return "\"…\(FilePath.text(end))\""
  }

  private static let slash = CChar(bitPattern: UInt8(ascii: "/"))

  private static func text(_ bytes: ArraySlice<CChar>) -> String {
    String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Splits off the last component; a path without a folder is in ".".
  var split: (folder: FilePath, name: FilePath) {
    guard let last = content.lastIndex(of: FilePath.slash) else { return (".", self) }
    let folder = last == 0 ? content[...0] : content[..<last]
    return (FilePath(signed: folder), FilePath(signed: content[(last + 1)...]))
  }

  /// Returns the path of `other`, which is relative to the folder `self` or absolute.
  func resolving(_ other: FilePath) -> FilePath {
    other.isAbsolute ? other : FilePath(signed: content + [FilePath.slash] + other.content)
  }

  private init(signed bytes: some Collection<CChar>) { self.bytes = bytes + [0] }

  /// Whether it can only name a folder.
  var isFolderName: Bool { isEmpty || self == "." || self == ".." }
}
