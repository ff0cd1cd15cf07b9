import DenpaCore

/// A parsed file. Its tensors point into the parsed bytes and are valid as long as those.
public struct SafetensorsFile {
  public enum Checksum: Sendable { case absent, verified }

  /// In the order of the header, without the checksum.
  public let metadata: [(key: String, value: String)]
  /// In the order of the header.
  public let tensors: [TensorEntry]
  public let checksum: Checksum
  private let names: NameTable

  fileprivate init(_ reader: SafetensorsReader, _ checksum: Checksum) throws(DenpaError) {
    metadata = reader.metadata
    tensors = reader.tensors
    names = NameTable(tensors)
    self.checksum = checksum
    if let duplicate = names.duplicate {
      throw DenpaError(.badFile, "safetensors: two tensors are named \"\(tensors[duplicate].name)\"")
    }
    try checkMemory("a file's tensors")
  }

  public subscript(name: String) -> TensorEntry? { names.index(of: name, in: tensors).map { tensors[$0] } }

  public func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }
}

extension Safetensors {
  /// Parses a file in memory, strictly: the tensors tile the data without hole or overlap, each is exactly as
  /// long as its type says, nothing is repeated, nothing is ignored. A checksum must be right if present;
  /// with `requireChecksum` it must be present, and every changed bit of the file is detected.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, requireChecksum: Bool
  ) throws(DenpaError) -> SafetensorsFile {
    guard bytes.count >= lengthBytes else {
      throw DenpaError(.badFile, "safetensors: \(bytes.count) bytes are too few for a file")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(min(headerLimit, bytes.count - lengthBytes)) else {
      throw DenpaError(.badFile, "safetensors: a header of \(length) bytes in a file of \(bytes.count)")
    }
    // The checksum first: for a damaged file it gives the clearest error.
    let checksum = try verify(bytes)
    guard checksum == .verified || !requireChecksum else {
      throw DenpaError(
        .badFile, "safetensors: no \(checksumKey) at its place: the file is damaged or not of Denpa")
    }

    let dataBegin = lengthBytes + Int(length)
    var reader = SafetensorsReader(
      data: UnsafeRawBufferPointer(rebasing: bytes[dataBegin...]), checksum: checksum,
      entryLimit: entryLimit(byteCount: bytes.count))
    let header = UnsafeRawBufferPointer(rebasing: bytes[lengthBytes..<dataBegin])
    guard header.first == UInt8(ascii: "{") else {
      throw DenpaError(.badFile, "safetensors: the header does not begin with '{'")
    }
    try reader.read(header)
    return try SafetensorsFile(reader, checksum)
  }

  private static func verify(_ bytes: UnsafeRawBufferPointer) throws(DenpaError) -> SafetensorsFile.Checksum {
    let end = checksumOffset + checksumDigits
    guard bytes.count > end,
      checksumPrefix.withUTF8Buffer({ $0.elementsEqual(bytes[lengthBytes..<checksumOffset]) })
    else { return .absent }
    guard hexDigits(Safetensors.checksum([], header: bytes)).elementsEqual(bytes[checksumOffset..<end]) else {
      throw DenpaError(
        .badFile, "safetensors: wrong checksum: the file is damaged, or changed by other software")
    }
    return .verified
  }

  static func isName(_ name: String) -> Bool {
    name != metadataKey && (1...nameLimit).contains(name.utf8.count) && !name.utf8.contains(0)
  }

  static let nameRule: StaticString = "1 to 255 bytes, none of them 0, not \"__metadata__\""
}

/// The header's contents while it is read.
private struct SafetensorsReader {
  let data: UnsafeRawBufferPointer
  let checksum: SafetensorsFile.Checksum
  let entryLimit: Int
  var metadata: [(key: String, value: String)] = []
  var tensors: [TensorEntry] = []

  init(data: UnsafeRawBufferPointer, checksum: SafetensorsFile.Checksum, entryLimit: Int) {
    self.data = data
    self.checksum = checksum
    self.entryLimit = entryLimit
  }

  mutating func read(_ header: UnsafeRawBufferPointer) throws(DenpaError) {
    var scanner = try JSONScanner(header, origin: Safetensors.lengthBytes)
    // Each tensor has its own bracket. A growing array would at times be in memory twice.
    tensors.reserveCapacity(min(entryLimit, header.count { $0 == UInt8(ascii: "{") }))
    var hasMetadata = false
    var members = try scanner.beginObject()
    while let name = try scanner.nextKey(&members) {
      if name == Safetensors.metadataKey {
        guard !hasMetadata else { throw scanner.fail("__metadata__ twice") }
        hasMetadata = true
        try readMetadata(&scanner)
      } else {
        try readTensor(name, &scanner)
      }
    }
    try scanner.end()
    try checkTiling()
  }

  private mutating func readMetadata(_ scanner: inout JSONScanner) throws(DenpaError) {
    var keys: Set<String> = []
    var members = try scanner.beginObject()
    while let key = try scanner.nextKey(&members) {
      guard keys.insert(key).inserted else { throw scanner.fail("the metadata key \"\(key)\" twice") }
      guard keys.count <= entryLimit else { throw scanner.fail("too many metadata entries") }
      let value = try scanner.string()
      try checkMemory("a file's metadata")
      guard key == Safetensors.checksumKey else {
        metadata.append((key, value))
        continue
      }
      // A checksum elsewhere was not verified: other software has rewritten the file and kept the entry.
      guard checksum == .verified else {
        throw scanner.fail("\(key) is not where Denpa writes it; remove it to read this as a foreign file")
      }
    }
  }

  private mutating func readTensor(_ name: String, _ scanner: inout JSONScanner) throws(DenpaError) {
    guard Safetensors.isName(name) else {
      throw scanner.fail("\"\(name)\" cannot name a tensor: \(Safetensors.nameRule)")
    }
    guard tensors.count < entryLimit else { throw scanner.fail("too many tensors for the size of the file") }
    var dtype: DType?
    var shape: Shape?
    var span: Range<Int>?
    var members = try scanner.beginObject()
    while let key = try scanner.nextKey(&members) {
      switch key {
      case "dtype" where dtype == nil: dtype = try SafetensorsReader.dtype(name, &scanner)
      case "shape" where shape == nil: shape = try SafetensorsReader.shape(name, &scanner)
      case "data_offsets" where span == nil: span = try self.span(name, &scanner)
      default: throw scanner.fail("tensor \"\(name)\": \"\(key)\" is unknown or there twice")
      }
    }
    guard let dtype, let shape, let span else {
      throw scanner.fail("tensor \"\(name)\" lacks dtype, shape or data_offsets")
    }
    let type = TensorType(dtype, shape)
    guard type.byteCount == span.count else {
      throw scanner.fail(
        "tensor \"\(name)\": \(dtype) \(shape) takes \(type.byteCount) bytes, not \(span.count)")
    }
    tensors.append(TensorEntry(name: name, type: type, data: UnsafeRawBufferPointer(rebasing: data[span])))
    try checkMemory("a file's tensors")
  }

  private static func dtype(_ name: String, _ scanner: inout JSONScanner) throws(DenpaError) -> DType {
    let text = try scanner.string()
    if let dtype = DType(safetensors: text) { return dtype }
    let foreign = [
      "BOOL", "I8", "I16", "U16", "U32", "U64", "F16", "BF16", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0",
      "F6_E2M3",
      "F6_E3M2", "F4",
    ]
    let known = foreign.contains(text)
    throw DenpaError(
      known ? .notSupported : .badFile,
      "safetensors: tensor \"\(name)\" has dtype \"\(text)\"; Denpa reads F32, F64, I32, I64 and U8")
  }

  private static func shape(_ name: String, _ scanner: inout JSONScanner) throws(DenpaError) -> Shape {
    var shape = Shape()
    var elements = try scanner.beginArray()
    while try scanner.nextElement(&elements) {
      let extent = try scanner.integer()
      guard extent >= 0 else { throw scanner.fail("tensor \"\(name)\" has an extent of \(extent)") }
      guard shape.rank < Shape.maximumRank else {
        throw scanner.fail("tensor \"\(name)\" has more than \(Shape.maximumRank) axes")
      }
      shape.append(Int(extent))
    }
    do throws(DenpaError) {
      _ = try shape.checkedCount()
    } catch {
      throw scanner.fail("tensor \"\(name)\": \(error.message)")
    }
    return shape
  }

  private func span(_ name: String, _ scanner: inout JSONScanner) throws(DenpaError) -> Range<Int> {
    var offsets: [Int] = []
    var elements = try scanner.beginArray()
    while try scanner.nextElement(&elements) {
      let offset = try scanner.integer()
      guard offset >= offsets.last ?? 0, offset <= data.count, offsets.count < 2 else {
        throw scanner.fail("tensor \"\(name)\": data_offsets outside the file or in disorder")
      }
      offsets.append(Int(offset))
    }
    guard offsets.count == 2 else { throw scanner.fail("tensor \"\(name)\": data_offsets are not two") }
    return offsets[0]..<offsets[1]
  }

  /// Every byte of the data belongs to exactly one tensor. The contents of a hole would go unseen, and a file
  /// that can be read two ways is an attack on one of the readers.
  private func checkTiling() throws(DenpaError) {
    guard let base = data.baseAddress else { return }
    func begin(_ tensor: TensorEntry) -> Int { tensor.data.baseAddress.map { $0 - base } ?? 0 }
    let order = tensors.indices.sorted { a, b in
      (begin(tensors[a]), tensors[a].data.count) < (begin(tensors[b]), tensors[b].data.count)
    }
    var end = 0
    for index in order {
      let tensor = tensors[index]
      guard begin(tensor) == end else {
        throw DenpaError(
          .badFile,
          "safetensors: tensor \"\(tensor.name)\" begins at \(begin(tensor)), the one before ends at \(end)")
      }
      end += tensor.data.count
    }
    guard end == data.count else {
      throw DenpaError(.badFile, "safetensors: the tensors end at \(end), the data at \(data.count)")
    }
  }
}
