import DenpaCore

/// Takes the bytes of a file, piece by piece, in order.
public typealias ByteSink = (UnsafeRawBufferPointer) throws(DenpaError) -> Void

/// A named tensor of a file: its type and where its bytes lie.
public struct TensorEntry {
  public let name: String
  public let type: TensorType
  /// Little-endian elements, C order; not aligned to more than a byte when it comes from a foreign file.
  public let data: UnsafeRawBufferPointer

  public init(name: String, type: TensorType, data: UnsafeRawBufferPointer) {
    self.name = name
    self.type = type
    self.data = data
  }
}

/// The safetensors format: 8 bytes with the length of the header, little-endian; the header, a JSON object
/// with the type and place of each tensor; then the data. https://github.com/huggingface/safetensors,
/// README.md, "Format".
///
/// Every file of ours is one that the reference implementation reads, and holds the same bytes as its own
/// would: tensors ordered by dtype and name, the header padded with spaces so that each element lies at a
/// multiple of its size.
///
/// A file of ours carries a checksum, which the format allows for but does not know: its first metadata entry
/// is "denpa.checksum", 16 hexadecimal digits of the XXH64 (seed 0) over the whole file, these digits
/// themselves taken as sixteen "0".
public enum Safetensors {
  public static let checksumKey = "denpa.checksum"

  static let metadataKey = "__metadata__"
  static let lengthBytes = 8
  /// A checksummed file has these bytes behind its first 8, then the digits, then a quote.
  static let checksumPrefix: StaticString = "{\"__metadata__\":{\"denpa.checksum\":\""
  static let checksumDigits = 16
  static var checksumOffset: Int { lengthBytes + checksumPrefix.utf8CodeUnitCount }

  /// The reference implementation's limit.
  static let headerLimit = 100_000_000
  static let nameLimit = 255

  /// How many tensors, and how many metadata, a file of so many bytes may have. An entry of a parsed file
  /// takes up to 256 bytes of memory, so that reading takes at most 16 MB and once the file beside the file
  /// itself.
  static func entryLimit(byteCount: Int) -> Int { 65_536 + byteCount / 256 }

  /// The hash over the whole file, given in pieces with the checksum's digits as they are or will be.
  static func checksum(_ pieces: [UnsafeRawBufferPointer], header: UnsafeRawBufferPointer) -> UInt64 {
    var hash = XXH64(seed: 0)
    let digits = checksumOffset..<checksumOffset + checksumDigits
    hash.update(UnsafeRawBufferPointer(rebasing: header[..<digits.lowerBound]))
    ("0000000000000000" as StaticString).withUTF8Buffer { hash.update(UnsafeRawBufferPointer($0)) }
    hash.update(UnsafeRawBufferPointer(rebasing: header[digits.upperBound...]))
    for piece in pieces { hash.update(piece) }
    return hash.digest()
  }

  /// 16 hexadecimal digits in lower case: a digit has one spelling, so that every flipped bit shows.
  static func hexDigits(_ value: UInt64) -> [UInt8] {
    let digits = Array(String(value, radix: 16).utf8)
    return Array(repeating: UInt8(ascii: "0"), count: checksumDigits - digits.count) + digits
  }
}

// MARK: - Writing

extension Safetensors {
  /// The size of the file that `write` makes of the same arguments.
  public static func byteCount(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool
  ) throws(DenpaError) -> Int {
    try SafetensorsWriter(tensors: tensors, metadata: metadata, checksummed: checksummed).byteCount
  }

  /// Writes a file to `sink`; the same arguments give the same bytes, in whatever order the tensors are
  /// given.
  public static func write(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool, to sink: ByteSink
  ) throws(DenpaError) {
    try SafetensorsWriter(tensors: tensors, metadata: metadata, checksummed: checksummed).write(to: sink)
  }

  /// Writes a file into memory and gives back how many bytes it took.
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
  /// ones cannot push them off their alignment. (Its enumeration `Dtype`, backwards.)
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
