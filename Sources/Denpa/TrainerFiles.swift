import CDenpa
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaPlugins
import DenpaTraining

/// What a trainer remembers as the tensors of a safetensors file: alone, or beside the model as a checkpoint.
/// Their names have a slash, which those of parameters never have.
private struct TrainerContents {
  private static let version = "2"
  private static let optimizerKey = "denpa.optimizer"
  private static let numbersNames = ("trainer/counts", "trainer/rates", "trainer/fit")

  let tensors: [TensorEntry]
  let metadata: [(String, String)]
  private let numbers: Buffer
  /// Keeps the memory of the best weights.
  private let trainer: Trainer

  init(_ trainer: Trainer) throws(DenpaError) {
    self.trainer = trainer
    metadata = [
      (ModelFile.trainerKey, TrainerContents.version),
      (TrainerContents.optimizerKey, trainer.options.optimizer?.kind ?? ""),
    ]
    let memory = trainer.memory, (counts, rates, fit) = (memory.counts, memory.rates, memory.fit)
    let numbers = try Buffer(
      byteCount: 8 * (counts.count + rates.count + fit.count), zeroed: false, "a trainer's bytes")
    self.numbers = numbers
    for (index, count) in counts.enumerated() {
      numbers.base.storeBytes(of: count, toByteOffset: 8 * index, as: Int64.self)
    }
    for (index, number) in (rates + fit).enumerated() {
      numbers.base.storeBytes(of: number, toByteOffset: 8 * (counts.count + index), as: Double.self)
    }
    func part(_ name: String, _ dtype: DType, from first: Int, _ count: Int) -> TensorEntry {
      TensorEntry(
        name: name, type: TensorType(dtype, [count]),
        data: UnsafeRawBufferPointer(start: numbers.base + 8 * first, count: 8 * count))
    }
    let names = TrainerContents.numbersNames
    tensors =
      (trainer.tensors(of: memory) + trainer.bestTensors).map {
        TensorEntry(
          name: $0.name, type: $0.view.type,
          data: UnsafeRawBufferPointer(start: $0.view.data, count: $0.view.type.byteCount))
      } + [
        part(names.0, .int64, from: 0, counts.count),
        part(names.1, .float64, from: counts.count, rates.count),
        part(names.2, .float64, from: counts.count + rates.count, fit.count),
      ]
    try checkMemory("a trainer's bytes")
  }

  func write(
    _ buffer: UnsafeMutableRawPointer?, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>?
  ) throws(DenpaError) {
    let needed = try Safetensors.byteCount(tensors: tensors, metadata: metadata, checksummed: true)
    try checkRoom(needed, buffer, capacity, length, reported: needed)
    guard let buffer, capacity > 0 else { return }
    _ = try Safetensors.write(
      tensors: tensors, metadata: metadata, checksummed: true,
      into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(capacity)))
  }

  /// Takes over what a file says. Everything is checked before anything is changed.
  static func load(
    _ bytes: UnsafeRawBufferPointer, into trainer: Trainer, withModel: Bool
  ) throws(DenpaError) {
    let file = try Safetensors.parse(bytes, requireChecksum: true)
    guard let found = file.metadata(ModelFile.trainerKey) else {
      throw DenpaError(.badFile, withModel ? "it has a model, but no trainer" : "it has no trainer")
    }
    guard found == version else {
      throw DenpaError(.badFile, "a trainer of format \(found); this library reads format \(version)")
    }
    let kind = trainer.options.optimizer?.kind ?? ""
    guard let other = file.metadata(optimizerKey), other == kind else {
      throw DenpaError(
        .badFile,
        "its trainer has the optimizer \"\(file.metadata(optimizerKey) ?? "")\", this one has \"\(kind)\"")
    }
    let parameters = withModel ? try ModelFile.parameters(in: file, of: trainer.model) : nil
    let memory = TrainerMemory(
      counts: try integers(numbersNames.0, in: file), rates: try numbers(numbersNames.1, in: file),
      fit: try numbers(numbersNames.2, in: file))
    var places = trainer.tensors(of: memory)
    var best: Buffer?
    if file.tensors.contains(where: { $0.name.hasPrefix("best/") }) {
      let (room, names) = try trainer.makeBestTensors()
      best = room
      places += names
    }
    let others = withModel ? trainer.model.parameters.count : 0
    guard file.tensors.count == places.count + 3 + others else {
      throw DenpaError(
        .badFile,
        "its trainer has \(file.tensors.count - 3 - others) tensors, this one \(places.count): losses, optimizer and frozen parameters have to be the same"
      )
    }
    var sources: [UnsafeRawBufferPointer] = []
    for (name, view) in places { sources.append(try tensor(name, view.type, in: file)) }
    try checkMemory("a trainer's bytes")
    try trainer.resume(memory, best: best)
    if let parameters { try trainer.replaceParameters(parameters) }
    for ((_, view), source) in zip(places, sources) {
      guard let data = view.data, let base = source.baseAddress else { continue }
      data.copyMemory(from: base, byteCount: source.count)
    }
  }

  private static func tensor(
    _ name: String, _ type: TensorType, in file: SafetensorsFile
  ) throws(DenpaError) -> UnsafeRawBufferPointer {
    guard let found = file[name] else { throw DenpaError(.badFile, "it has no tensor \"\(name)\"") }
    guard found.type == type else {
      throw DenpaError(
        .badFile,
        "\"\(name)\": expected \(type.dtype) \(type.shape), found \(found.type.dtype) \(found.type.shape)")
    }
    return found.data
  }

  private static func vector(
    _ name: String, _ dtype: DType, in file: SafetensorsFile
  ) throws(DenpaError) -> UnsafeRawBufferPointer {
    guard let found = file[name] else { throw DenpaError(.badFile, "it has no tensor \"\(name)\"") }
    return try tensor(name, TensorType(dtype, [found.type.shape.count]), in: file)
  }

  private static func integers(_ name: String, in file: SafetensorsFile) throws(DenpaError) -> [Int64] {
    let data = try vector(name, .int64, in: file)
    return (0..<data.count / 8).map { data.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self) }
  }

  private static func numbers(_ name: String, in file: SafetensorsFile) throws(DenpaError) -> [Double] {
    let data = try vector(name, .float64, in: file)
    return (0..<data.count / 8).map { data.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
  }
}

extension Trainer {
  /// Writes a checkpoint: the model with the weights of now, and what the trainer remembers.
  func saveCheckpoint(_ path: FilePath) throws(DenpaError) {
    let contents = try TrainerContents(self)
    let parameters = try model.layout.makeBuffer(zeroed: true, "a copy of the parameters")
    model.layout.copy(parametersToSave, to: parameters.base)
    try ModelFile.save(
      ModelFile.Contents(
        model, parameters: parameters, more: contents.tensors, metadata: contents.metadata), to: path)
  }

  /// Writes the model alone, with the weights of now.
  func saveModel(_ path: FilePath) throws(DenpaError) {
    let parameters = try model.layout.makeBuffer(zeroed: true, "a copy of the parameters")
    model.layout.copy(parametersToSave, to: parameters.base)
    try ModelFile.save(
      ModelFile.Contents(model, parameters: parameters, more: [], metadata: []), to: path)
  }
}

@implementation @_cdecl("denpa_trainer_save_bytes")
public func denpa_trainer_save_bytes(
  _ trainer: OpaquePointer!, _ buffer: UnsafeMutableRawPointer!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrainerBetweenSteps(trainer) { trainer throws(DenpaError) in
    try TrainerContents(trainer).write(buffer, capacity, length)
  }
}

@implementation @_cdecl("denpa_trainer_load_bytes")
public func denpa_trainer_load_bytes(_ trainer: OpaquePointer!, _ data: UnsafeRawPointer!, _ size: Int64)
  -> denpa_status
{
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let data else { throw DenpaError(.badArgument, "the bytes are NULL") }
    guard size >= 0 else { throw DenpaError(.badArgument, "a size of \(size) bytes") }
    try TrainerContents.load(
      UnsafeRawBufferPointer(start: data, count: Int(size)), into: trainer, withModel: false)
  }
}

@implementation @_cdecl("denpa_trainer_save")
public func denpa_trainer_save(_ trainer: OpaquePointer!, _ path: UnsafePointer<CChar>!) -> denpa_status {
  withTrainerBetweenSteps(trainer) { trainer throws(DenpaError) in
    try trainer.saveCheckpoint(try filePath(path, "the path"))
  }
}

@implementation @_cdecl("denpa_trainer_load")
public func denpa_trainer_load(_ trainer: OpaquePointer!, _ path: UnsafePointer<CChar>!) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    let path = try filePath(path, "the path")
    try ModelFile.read(path) { (bytes) throws(DenpaError) in
      try TrainerContents.load(bytes, into: trainer, withModel: true)
    }
  }
}
