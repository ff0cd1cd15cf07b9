import CDenpa
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaTraining

/// What a trainer remembers, as a safetensors file in memory.
private enum TrainerFile {
  private static let formatKey = "denpa.trainer"
  private static let version = "1"
  private static let optimizerKey = "denpa.optimizer"
  private static let countsName = "counts"
  private static let ratesName = "rates"

  private static func metadata(_ trainer: Trainer) -> [(String, String)] {
    [(formatKey, version), (optimizerKey, trainer.options.optimizer?.kind ?? "")]
  }

  /// The future contents of a file: the trainer's own tensors, and copies of its numbers.
  private struct Contents {
    let tensors: [TensorEntry]
    private let numbers: Buffer

    init(_ trainer: Trainer) throws(DenpaError) {
      let counts = trainer.counts, rates = trainer.rates
      let numbers = try Buffer(
        byteCount: 8 * (counts.count + rates.count), zeroed: false, "a trainer's bytes")
      self.numbers = numbers
      for (index, count) in counts.enumerated() {
        numbers.base.storeBytes(of: count, toByteOffset: 8 * index, as: Int64.self)
      }
      for (index, rate) in rates.enumerated() {
        numbers.base.storeBytes(of: rate, toByteOffset: 8 * (counts.count + index), as: Double.self)
      }
      func part(_ name: String, _ dtype: DType, from first: Int, _ count: Int) -> TensorEntry {
        TensorEntry(
          name: name, type: TensorType(dtype, [count]),
          data: UnsafeRawBufferPointer(start: numbers.base + 8 * first, count: 8 * count))
      }
      tensors =
        trainer.optimizerTensors.map {
          TensorEntry(
            name: $0.name, type: $0.view.type,
            data: UnsafeRawBufferPointer(start: $0.view.data, count: $0.view.type.byteCount))
        } + [
          part(countsName, .int64, from: 0, counts.count),
          part(ratesName, .float64, from: counts.count, rates.count),
        ]
      try checkMemory("a trainer's bytes")
    }
  }

  static func write(
    _ trainer: Trainer, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int64,
    _ length: UnsafeMutablePointer<Int64>?
  ) throws(DenpaError) {
    let contents = try Contents(trainer), metadata = metadata(trainer)
    let needed = try Safetensors.byteCount(tensors: contents.tensors, metadata: metadata, checksummed: true)
    try checkRoom(needed, buffer, capacity, length, reported: needed)
    guard let buffer, capacity > 0 else { return }
    _ = try Safetensors.write(
      tensors: contents.tensors, metadata: metadata, checksummed: true,
      into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(capacity)))
  }

  /// Everything is checked before anything is changed.
  static func load(_ bytes: UnsafeRawBufferPointer, into trainer: Trainer) throws(DenpaError) {
    let file = try Safetensors.parse(bytes, requireChecksum: true)
    guard file.metadata(formatKey) == version else {
      throw DenpaError(.badFile, "these are not the bytes of a trainer of format \(version)")
    }
    let kind = trainer.options.optimizer?.kind ?? ""
    guard let found = file.metadata(optimizerKey), found == kind else {
      throw DenpaError(
        .badFile,
        "the bytes are of a trainer with the optimizer \"\(file.metadata(optimizerKey) ?? "")\", this one has \"\(kind)\""
      )
    }
    let own = trainer.optimizerTensors
    guard file.tensors.count == own.count + 2 else {
      throw DenpaError(
        .badFile, "the bytes have \(file.tensors.count) tensors, this trainer \(own.count + 2)")
    }
    var sources: [UnsafeRawBufferPointer] = []
    for (name, view) in own { sources.append(try tensor(name, view.type, in: file)) }
    let counts = try tensor(countsName, TensorType(.int64, [trainer.counts.count]), in: file)
    let rates = try tensor(ratesName, TensorType(.float64, [trainer.rates.count]), in: file)
    let countValues = (0..<trainer.counts.count).map {
      counts.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)
    }
    let rateValues = (0..<trainer.rates.count).map {
      rates.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self)
    }
    try checkMemory("a trainer's bytes")
    try trainer.resume(counts: countValues, rates: rateValues)
    for ((_, view), source) in zip(own, sources) {
      guard let data = view.data, let base = source.baseAddress else { continue }
      data.copyMemory(from: base, byteCount: source.count)
    }
  }

  private static func tensor(
    _ name: String, _ type: TensorType, in file: SafetensorsFile
  ) throws(DenpaError) -> UnsafeRawBufferPointer {
    guard let found = file[name] else { throw DenpaError(.badFile, "the bytes have no tensor \"\(name)\"") }
    guard found.type == type else {
      throw DenpaError(
        .badFile,
        "\"\(name)\": expected \(type.dtype) \(type.shape), found \(found.type.dtype) \(found.type.shape)")
    }
    return found.data
  }
}

@implementation @_cdecl("denpa_trainer_save_bytes")
public func denpa_trainer_save_bytes(
  _ trainer: OpaquePointer!, _ buffer: UnsafeMutableRawPointer!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    try TrainerFile.write(trainer, buffer, capacity, length)
  }
}

@implementation @_cdecl("denpa_trainer_load_bytes")
public func denpa_trainer_load_bytes(_ trainer: OpaquePointer!, _ data: UnsafeRawPointer!, _ size: Int64)
  -> denpa_status
{
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let data else { throw DenpaError(.badArgument, "the bytes are NULL") }
    guard size >= 0 else { throw DenpaError(.badArgument, "a size of \(size) bytes") }
    try TrainerFile.load(UnsafeRawBufferPointer(start: data, count: Int(size)), into: trainer)
  }
}
