import DenpaCore
import DenpaGraph

/// A model as a safetensors file: weights by name, the graph in the metadata, a checksum over everything.
public enum ModelFile {
  static let formatKey = "denpa.format"
  static let graphKey = "denpa.graph"
  /// In the metadata of what a trainer remembers, whether or not it is beside a model.
  public static let trainerKey = "denpa.trainer"
  public static let formatVersion = 1

  /// The future contents of a file: a snapshot of a model, whatever others do to it meanwhile.
  public struct Contents {
    private let parameters: Buffer
    let tensors: [TensorEntry]
    let metadata: [(String, String)]

    public init(_ model: Model) throws(DenpaError) {
      try self.init(model, parameters: try model.snapshot(), more: [], metadata: [])
    }

    /// A checkpoint: these parameters, and what a trainer remembers besides them, which must live as long.
    public init(
      _ model: Model, parameters: Buffer, more: [TensorEntry], metadata added: [(String, String)]
    ) throws(DenpaError) {
      self.parameters = parameters
      var tensors = more
      for (index, parameter) in model.parameters.enumerated() {
        tensors.append(
          TensorEntry(
            name: parameter.name, type: parameter.type,
            data: UnsafeRawBufferPointer(
              start: parameters.base + model.layout.offsets[index], count: parameter.type.byteCount)))
      }
      self.tensors = tensors
      metadata = [(formatKey, "\(formatVersion)"), (graphKey, try GraphCoding.encode(model).text())] + added
      try checkMemory("a model file")
    }

    /// The number of bytes that `write` produces.
    public var byteCount: Int {
      get throws(DenpaError) {
        try Safetensors.byteCount(tensors: tensors, metadata: metadata, checksummed: true)
      }
    }

    public func write(into memory: UnsafeMutableRawBufferPointer) throws(DenpaError) {
      _ = try Safetensors.write(tensors: tensors, metadata: metadata, checksummed: true, into: memory)
    }
  }

  public static func save(_ contents: Contents, to path: FilePath) throws(DenpaError) {
    try write(tensors: contents.tensors, metadata: contents.metadata, checksummed: true, to: path)
  }

  static func write(
    tensors: [TensorEntry], metadata: [(String, String)], checksummed: Bool, to path: FilePath
  ) throws(DenpaError) {
    do throws(DenpaError) {
      try AtomicFile.write(path: path) { (sink) throws(DenpaError) in
        try Safetensors.write(tensors: tensors, metadata: metadata, checksummed: checksummed, to: sink)
      }
    } catch {
      // To a caller that saves, a missing folder means that the file cannot be written.
      throw error.status == .notFound ? DenpaError(.ioError, error.message) : error
    }
  }

  public static func load(path: FilePath, registry: Registry = .shared) throws(DenpaError) -> Model {
    try read(path) { (bytes) throws(DenpaError) in try load(bytes, registry: registry) }
  }

  /// Reads a file. Errors of `body` name it.
  public static func read<R>(
    _ path: FilePath, _ body: (UnsafeRawBufferPointer) throws(DenpaError) -> R
  ) throws(DenpaError) -> R {
    let bytes = try AtomicFile.read(path: path)
    do throws(DenpaError) {
      return try body(UnsafeRawBufferPointer(start: bytes.base, count: bytes.byteCount))
    } catch {
      throw error.inside(path.shown)
    }
  }

  /// Copies the parameters of a file of the very same model. Throws if its graph is another one.
  public static func parameters(
    in file: SafetensorsFile, of model: Model
  ) throws(DenpaError) -> Buffer {
    guard file.metadata(graphKey) == (try GraphCoding.encode(model).text()) else {
      throw DenpaError(
        .badFile,
        "its model is another one: graph, dtype, seed or frozen parameters differ; denpa_model_load creates the model that it has"
      )
    }
    let result = try model.layout.makeBuffer(zeroed: true, "the parameters of a file")
    for (index, parameter) in model.parameters.enumerated() {
      let tensor = try GraphReader.tensor(parameter.name, parameter.type, in: file)
      guard let source = tensor.data.baseAddress else { continue }
      (result.base + model.layout.offsets[index]).copyMemory(from: source, byteCount: tensor.data.count)
    }
    return result
  }

  /// Builds the model described by a file's bytes. Never executes anything in them.
  public static func load(_ bytes: UnsafeRawBufferPointer, registry: Registry = .shared) throws(DenpaError)
    -> Model
  {
    let file = try Safetensors.parse(bytes, requireChecksum: true)
    guard let version = file.metadata(formatKey), let graph = file.metadata(graphKey) else {
      throw DenpaError(.badFile, "no model of Denpa: the metadata lacks \"\(formatKey)\" or \"\(graphKey)\"")
    }
    guard version == "\(formatVersion)" else {
      throw DenpaError(
        .badFile, "a model file of format \(version); this library reads format \(formatVersion)")
    }
    let model: Model
    do {
      model = try GraphReader.model(graph, file, registry: registry)
    } catch {
      // An unregistered layer and missing memory are not the file's fault.
      let kept: [Status] = [.notRegistered, .outOfMemory, .notSupported]
      throw kept.contains(error.status) ? error : DenpaError(.badFile, error.message)
    }
    let parameters = model.parameters
    // A checkpoint has a trainer's tensors too, behind a prefix with a slash, which no parameter has.
    let isCheckpoint = file.metadata(trainerKey) != nil
    let own = isCheckpoint ? file.tensors.filter { !$0.name.utf8.contains(UInt8(ascii: "/")) } : file.tensors
    guard own.count == parameters.count else {
      let known = Set(parameters.map(\.name))
      let extra = own.map(\.name).filter { !known.contains($0) }
      throw DenpaError(.badFile, "the file has tensors that the model does not: \(list: extra)")
    }
    for (index, parameter) in parameters.enumerated() {
      let tensor = try GraphReader.tensor(parameter.name, parameter.type, in: file)
      try model.fill(
        index, TensorView(UnsafeMutableRawPointer(mutating: tensor.data.baseAddress), tensor.type))
    }
    try checkMemory("a model")
    return model
  }
}
