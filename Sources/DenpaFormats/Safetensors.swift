import DenpaCore

/// Receives the bytes of a file, piece by piece, in order.
public typealias ByteSink = (UnsafeRawBufferPointer) throws(DenpaError) -> Void

/// A named tensor of a file: its type and the location of its bytes.
public struct TensorEntry {
  public let name: String
  public let type: TensorType
  /// Little-endian elements in C order; only byte-aligned if it comes from a foreign file.
  public let data: UnsafeRawBufferPointer

  public init(name: String, type: TensorType, data: UnsafeRawBufferPointer) {
    self.name = name
    self.type = type
    self.data = data
  }
}

/// The safetensors format: 8 bytes with the length of the header, little-endian; the header, a JSON object
/// with the type and location of each tensor; then the data. https://github.com/huggingface/safetensors,
/// docs/design.md, "Files".
///
/// Denpa's files can be read by the reference implementation, and are byte for byte what it would write:
/// tensors ordered by dtype and name, the header padded with spaces so that each element is at a multiple of
/// its size.
///
/// Denpa's files carry a checksum, which the format permits but does not define: the first metadata entry is
/// "denpa.checksum", 16 hexadecimal digits of the XXH64 (seed 0) over the whole file with these digits
/// replaced by sixteen "0".
public enum Safetensors {
  public static let checksumKey = "denpa.checksum"

  static let metadataKey = "__metadata__"
  static let lengthBytes = 8
  /// In a checksummed file these bytes follow the first 8; then come the digits, then a quote.
  static let checksumPrefix: StaticString = "{\"__metadata__\":{\"denpa.checksum\":\""
  static let checksumDigits = 16
  static var checksumOffset: Int { lengthBytes + checksumPrefix.utf8CodeUnitCount }

  /// The reference implementation's limit.
  static let headerLimit = 100_000_000
  static let nameLimit = 255

  /// Returns the maximum number of tensors, and of metadata entries, in a file of `byteCount` bytes. An entry
  /// of a parsed file takes up to 256 bytes of memory, so reading takes at most 16 MB plus the file's size,
  /// in addition to the file itself.
  static func entryLimit(byteCount: Int) -> Int { 65_536 + byteCount / 256 }

  /// Returns the hash of the whole file, given in pieces with the checksum's digits as they are or will be.
  static func checksum(_ pieces: [UnsafeRawBufferPointer], header: UnsafeRawBufferPointer) -> UInt64 {
    var hash = XXH64(seed: 0)
    let digits = checksumOffset..<checksumOffset + checksumDigits
    hash.update(UnsafeRawBufferPointer(rebasing: header[..<digits.lowerBound]))
    ("0000000000000000" as StaticString).withUTF8Buffer { hash.update(UnsafeRawBufferPointer($0)) }
    hash.update(UnsafeRawBufferPointer(rebasing: header[digits.upperBound...]))
    for piece in pieces { hash.update(piece) }
    return hash.digest()
  }

  /// Returns 16 lowercase hexadecimal digits: one spelling each, so that every flipped bit is detected.
  static func hexDigits(_ value: UInt64) -> [UInt8] {
    let digits = Array(String(value, radix: 16).utf8)
    return Array(repeating: UInt8(ascii: "0"), count: checksumDigits - digits.count) + digits
  }
}

// MARK: - Writing

extension Safetensors {
  /// Returns the size of the file that `write` makes from the same arguments.
  public static func byteCount(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool
  ) throws(DenpaError) -> Int {
    try SafetensorsWriter(tensors: tensors, metadata: metadata, checksummed: checksummed).byteCount
  }

  /// Writes a file to `sink`; the same arguments give the same bytes, whatever the order of the tensors.
  public static func write(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool, to sink: ByteSink
  ) throws(DenpaError) {
    try SafetensorsWriter(tensors: tensors, metadata: metadata, checksummed: checksummed).write(to: sink)
  }

  /// Writes a file into memory and returns its number of bytes.
  public static func write(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool,
    into target: UnsafeMutableRawBufferPointer
  ) throws(DenpaError) -> Int {
    let writer = try SafetensorsWriter(tensors: tensors, metadata: metadata, checksummed: checksummed)
    guard writer.byteCount <= target.count else {
      throw DenpaError(
        .badArgument, "the file takes \(writer.byteCount) bytes, the buffer has \(target.count)")
    }
    var position = 0
    try writer.write { (piece) throws(DenpaError) in
      UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyMemory(from: piece)
      position += piece.count
    }
    return position
  }
}

// MARK: - The format's names of dtypes

extension DType {
  init?(safetensors name: String) {
    guard let dtype = DType.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
    self = dtype
  }

  var safetensorsName: String {
    switch self {
    case .float32: "F32"
    case .float64: "F64"
    case .int32: "I32"
    case .int64: "I64"
    case .uint8: "U8"
    }
  }

  /// The order of the data in a file: the reference implementation writes wide types first, so that narrow
  /// ones cannot misalign them. (Its enumeration `Dtype`, reversed.)
  var safetensorsOrder: Int {
    switch self {
    case .int64: 0
    case .float64: 1
    case .float32: 2
    case .int32: 3
    case .uint8: 4
    }
  }
}
