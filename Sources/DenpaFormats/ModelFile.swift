import DenpaCore
import DenpaGraph

/// A model as a safetensors file: weights by name, the graph in the metadata, a checksum over everything.
public enum ModelFile {
  static let formatKey = "denpa.format"
  static let graphKey = "denpa.graph"
  public static let formatVersion = 1

  /// The future contents of a file: a snapshot of a model, whatever others do to it meanwhile.
  public struct Contents {
    private let parameters: Buffer
    let tensors: [TensorEntry]
    let metadata: [(String, String)]

    public init(_ model: Model) throws(DenpaError) {
      parameters = try model.snapshot()
      var tensors: [TensorEntry] = []
      for (index, parameter) in model.parameters.enumerated() {
        tensors.append(
          TensorEntry(
            name: parameter.name, type: parameter.type,
            data: UnsafeRawBufferPointer(
              start: parameters.base + model.layout.offsets[index], count: parameter.type.byteCount)))
      }
      self.tensors = tensors
      metadata = [(formatKey, "\(formatVersion)"), (graphKey, try GraphCoding.encode(model).text())]
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

  public static func save(_ model: Model, to path: String) throws(DenpaError) {
    let contents = try Contents(model)
    do throws(DenpaError) {
      try AtomicFile.write(path: path) { (sink) throws(DenpaError) in
        try Safetensors.write(
          tensors: contents.tensors, metadata: contents.metadata, checksummed: true, to: sink)
      }
    } catch {
      // To a caller that saves, a missing folder means that the file cannot be written.
      throw error.status == .notFound ? DenpaError(.ioError, error.message) : error
    }
  }

  public static func load(path: String, registry: Registry = .shared) throws(DenpaError) -> Model {
    let bytes = try AtomicFile.read(path: path)
    do {
      return try load(UnsafeRawBufferPointer(start: bytes.base, count: bytes.byteCount), registry: registry)
    } catch {
      throw error.inside("\(path)")
    }
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
    guard file.tensors.count == parameters.count else {
      let known = Set(parameters.map(\.name))
      let extra = file.tensors.map(\.name).filter { !known.contains($0) }
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
