import DenpaCore

/// A file ready to be written: everything checked, the header made.
struct SafetensorsWriter {
  /// In the order of the file.
  private let tensors: [TensorEntry]
  /// Preceded by its length, with the checksum's digits still "0".
  private let header: [UInt8]
  private let checksummed: Bool
  let byteCount: Int

  init(tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool) throws(DenpaError) {
    for tensor in tensors { try SafetensorsWriter.check(tensor) }
    let order = tensors.sorted { a, b in
      let (x, y) = (a.type.dtype.safetensorsOrder, b.type.dtype.safetensorsOrder)
      return x != y ? x < y : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
    }
    var names = Set<String>(minimumCapacity: tensors.count)
    for tensor in order where !names.insert(tensor.name).inserted {
      throw DenpaError(.alreadyExists, "safetensors: two tensors are named \"\(tensor.name)\"")
    }

    var json = JSONWriter()
    try SafetensorsWriter.open(metadata, checksummed, in: &json)
    var end = 0
    for tensor in order {
      if json.bytes.count > 1 { json.raw(",") }
      let begin = end
      end = try SafetensorsWriter.sum(begin, tensor.data.count)
      SafetensorsWriter.append(tensor, begin, end, to: &json)
    }
    json.raw("}")
    json.pad(to: 8)
    try SafetensorsWriter.check(headerCount: json.bytes.count)
    try checkMemory("the header of a file")

    header = withUnsafeBytes(of: UInt64(json.bytes.count).littleEndian) { Array($0) } + json.bytes
    self.tensors = order
    self.checksummed = checksummed
    byteCount = try SafetensorsWriter.sum(header.count, end)
    let entries = max(tensors.count, metadata.count + 1)
    guard entries <= Safetensors.entryLimit(byteCount: byteCount) else {
      throw DenpaError(.limitExceeded, "safetensors: \(entries) entries are too many for \(byteCount) bytes")
    }
  }

  func write(to sink: ByteSink) throws(DenpaError) {
    var header = header
    if checksummed {
      let hash = header.withUnsafeBytes { Safetensors.checksum(tensors.map(\.data), header: $0) }
      let digits = Safetensors.checksumOffset..<Safetensors.checksumOffset + Safetensors.checksumDigits
      header.replaceSubrange(digits, with: Safetensors.hexDigits(hash))
    }
    try header.withUnsafeBufferPointer { (bytes) throws(DenpaError) in try sink(UnsafeRawBufferPointer(bytes))
    }
    for tensor in tensors where !tensor.data.isEmpty { try sink(tensor.data) }
  }

  // MARK: - Pieces of the header

  /// Writes the beginning of the header: the bracket and the metadata.
  private static func open(
    _ metadata: [(String, String)], _ checksummed: Bool, in json: inout JSONWriter
  ) throws(DenpaError) {
    if checksummed {
      json.raw(Safetensors.checksumPrefix)
      json.raw("0000000000000000\"")
    } else {
      json.raw("{")
      if metadata.isEmpty { return }
      json.raw("\"__metadata__\":{")
    }
    var keys: Set = [Safetensors.checksumKey]
    for (index, (key, value)) in metadata.enumerated() {
      guard keys.insert(key).inserted else {
        throw DenpaError(.badArgument, "safetensors: the metadata key \"\(key)\" is reserved or there twice")
      }
      // Before its memory is allocated.
      try check(headerCount: json.bytes.count + value.utf8.count)
      if index > 0 || checksummed { json.raw(",") }
      json.string(key)
      json.raw(":")
      json.string(value)
    }
    json.raw("}")
  }

  private static func append(_ tensor: TensorEntry, _ begin: Int, _ end: Int, to json: inout JSONWriter) {
    json.string(tensor.name)
    json.raw(":{\"dtype\":")
    json.string(tensor.type.dtype.safetensorsName)
    json.raw(",\"shape\":[")
    for axis in 0..<tensor.type.shape.rank {
      if axis > 0 { json.raw(",") }
      json.integer(tensor.type.shape[axis])
    }
    json.raw("],\"data_offsets\":[")
    json.integer(begin)
    json.raw(",")
    json.integer(end)
    json.raw("]}")
  }

  private static func check(_ tensor: TensorEntry) throws(DenpaError) {
    guard Safetensors.isName(tensor.name) else {
      throw DenpaError(
        .badArgument, "safetensors: \"\(tensor.name)\" cannot name a tensor: \(Safetensors.nameRule)")
    }
    _ = try tensor.type.shape.checkedCount()
    guard !tensor.type.shape.isBatched, tensor.data.count == tensor.type.byteCount else {
      throw DenpaError(
        .badShape,
        "safetensors: tensor \"\(tensor.name)\", \(tensor.type.dtype) \(tensor.type.shape), has \(tensor.data.count) bytes"
      )
    }
  }

  private static func check(headerCount count: Int) throws(DenpaError) {
    guard count <= Safetensors.headerLimit else {
      throw DenpaError(
        .limitExceeded, "safetensors: a header of \(count) bytes or more; at most \(Safetensors.headerLimit)")
    }
  }

  private static func sum(_ a: Int, _ b: Int) throws(DenpaError) -> Int {
    let (result, overflow) = a.addingReportingOverflow(b)
    guard !overflow else { throw DenpaError(.limitExceeded, "safetensors: the file is too large") }
    return result
  }
}
