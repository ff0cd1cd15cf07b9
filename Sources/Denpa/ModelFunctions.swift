import CDenpa
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaPlugins

@implementation @_cdecl("denpa_model_create")
public func denpa_model_create(
  _ graph: OpaquePointer!, _ outputs: UnsafePointer<denpa_value>!, _ output_count: Int32,
  _ given: UnsafePointer<denpa_model_options>!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: graph, Handles.graph) { handle throws(DenpaError) in
      let chosen = try options(given, default: denpa_model_options(), "denpa_model_options")
      try requireZero(chosen.reserved == 0, "denpa_model_options")
      guard (1...64).contains(output_count) else {
        throw DenpaError(.badArgument, "a model has 1 to 64 outputs, got \(output_count)")
      }
      guard let outputs else { throw DenpaError(.badArgument, "the array of outputs is NULL") }
      guard let dtype = chosen.dtype == 0 ? .float32 : DType(rawValue: chosen.dtype) else {
        throw DenpaError(.badDType, "\(chosen.dtype) is no dtype: expected DENPA_FLOAT32 or DENPA_FLOAT64")
      }
      let values = (0..<Int(output_count)).map { Int(outputs[$0]) }
      let snapshot = try handle.exclusively { graph throws(DenpaError) in graph }
      try createHandle(model, Handles.model) { () throws(DenpaError) in
        try Model(snapshot, outputs: values, dtype: dtype, seed: chosen.seed).withNames()
      }
    }
  }
}

extension Model {
  /// Makes the names' C strings, which must live as long as the model.
  fileprivate func withNames() throws(DenpaError) -> Model {
    try NameTable.add(self)
    return self
  }
}

/// The C strings that `denpa_port.name` borrows, made and kept with each model.
enum NameTable {
  static func add(_ model: Model) throws(DenpaError) {
    var names: [String] = []
    names += model.graph.inputs.map { model.graph.nodes[model.graph.values[$0].node].name }
    names += model.outputNames
    names += model.parameters.map(\.name)
    var offsets: [Int] = []
    var bytes: [UInt8] = []
    for name in names {
      offsets.append(bytes.count)
      bytes += name.utf8
      bytes.append(0)
    }
    let memory = try Buffer(byteCount: bytes.count, zeroed: false, "names")
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { memory.base.copyMemory(from: base, byteCount: source.count) }
    }
    try checkMemory("names")
    model.attachment = Names(memory: memory, offsets: offsets)
  }

  final class Names {
    let memory: Buffer
    let offsets: [Int]

    init(memory: Buffer, offsets: [Int]) {
      self.memory = memory
      self.offsets = offsets
    }
  }

  static func name(_ model: Model, _ index: Int) -> UnsafePointer<CChar>? {
    guard let names = model.attachment as? Names, names.offsets.indices.contains(index) else { return nil }
    return UnsafePointer((names.memory.base + names.offsets[index]).assumingMemoryBound(to: CChar.self))
  }
}

@implementation @_cdecl("denpa_model_destroy")
public func denpa_model_destroy(_ model: OpaquePointer!) -> denpa_status {
  destroyHandle(model, Handles.model)
}

@implementation @_cdecl("denpa_model_copy")
public func denpa_model_copy(
  _ model: OpaquePointer!, _ dtype: Int32, _ copy: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      guard let type = dtype == 0 ? model.dtype : DType(rawValue: dtype) else {
        throw DenpaError(.badDType, "\(dtype) is no dtype: expected DENPA_FLOAT32, DENPA_FLOAT64 or 0")
      }
      try createHandle(copy, Handles.model) { () throws(DenpaError) in try model.copy(dtype: type).withNames()
      }
    }
  }
}

@implementation @_cdecl("denpa_model_initialize")
public func denpa_model_initialize(_ model: OpaquePointer!, _ seed: UInt64) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in try model.initialize(seed: seed) }
  }
}

@implementation @_cdecl("denpa_model_counts")
public func denpa_model_counts(
  _ model: OpaquePointer!, _ inputs: UnsafeMutablePointer<Int32>!, _ outputs: UnsafeMutablePointer<Int32>!,
  _ parameters: UnsafeMutablePointer<Int32>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      inputs?.pointee = Int32(model.graph.inputs.count)
      outputs?.pointee = Int32(model.outputs.count)
      parameters?.pointee = Int32(model.parameters.count)
    }
  }
}

/// Writes a description to the caller's struct.
private func describe(
  _ type: TensorType, _ name: UnsafePointer<CChar>?, trainable: Bool,
  _ port: UnsafeMutablePointer<denpa_port>?
) throws(DenpaError) {
  guard let port else { throw DenpaError(.badArgument, "the denpa_port is NULL") }
  // A later version's fields are set to 0, the only value known for them.
  let known = MemoryLayout<denpa_port>.size
  let size = try structSize(port, known, "denpa_port")
  (UnsafeMutableRawPointer(port) + known).initializeMemory(as: UInt8.self, repeating: 0, count: size - known)
  var result = denpa_port()
  result.struct_size = size
  result.name = name
  result.dtype = type.dtype.rawValue
  result.rank = Int32(type.shape.rank)
  withUnsafeMutableBytes(of: &result.dim) { extents in
    for axis in 0..<Shape.maximumRank {
      extents.storeBytes(
        of: axis < type.shape.rank ? Int64(type.shape[axis]) : 0, toByteOffset: axis * 8, as: Int64.self)
    }
  }
  result.trainable = trainable ? 1 : 0
  port.pointee = result
}

private func checked(_ index: Int32, _ count: Int, _ what: StaticString) throws(DenpaError) -> Int {
  guard index >= 0, Int(index) < count else {
    throw DenpaError(.badArgument, "the model has \(count) \(what)(s); \(index) is none of them")
  }
  return Int(index)
}

extension Model {
  fileprivate func modelType(_ value: ValueID) -> TensorType {
    let type = graph.values[value].type
    return TensorType(type.dtype.isFloat ? dtype : type.dtype, type.shape)
  }
}

@implementation @_cdecl("denpa_model_input")
public func denpa_model_input(
  _ model: OpaquePointer!, _ index: Int32, _ port: UnsafeMutablePointer<denpa_port>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let index = try checked(index, model.graph.inputs.count, "input")
      try describe(
        model.modelType(model.graph.inputs[index]), NameTable.name(model, index), trainable: false, port)
    }
  }
}

@implementation @_cdecl("denpa_model_output")
public func denpa_model_output(
  _ model: OpaquePointer!, _ index: Int32, _ port: UnsafeMutablePointer<denpa_port>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let index = try checked(index, model.outputs.count, "output")
      try describe(
        model.modelType(model.outputs[index]), NameTable.name(model, model.graph.inputs.count + index),
        trainable: false, port)
    }
  }
}

@implementation @_cdecl("denpa_model_output_shape")
public func denpa_model_output_shape(
  _ model: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32, _ index: Int32,
  _ rank: UnsafeMutablePointer<Int32>!, _ dim: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let index = try checked(index, model.outputs.count, "output")
      let list = ViewList()
      let given = try list.read(inputs, input_count, "input", expected: model.graph.inputs.count)
      let sizes = try model.sizes(of: given.views, withData: false)
      let graph = try model.graph.closed(sizes.extents)
      let shape = graph.values[model.outputs[index]].type.shape.withRows(sizes.rows)
      try checkMemory("the shape of an output")
      rank?.pointee = Int32(shape.rank)
      if let dim { for axis in 0..<shape.rank { dim[axis] = Int64(shape[axis]) } }
    }
  }
}

@implementation @_cdecl("denpa_model_parameter")
public func denpa_model_parameter(
  _ model: OpaquePointer!, _ index: Int32, _ port: UnsafeMutablePointer<denpa_port>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let parameters = model.parameters
      let index = try checked(index, parameters.count, "parameter")
      try describe(
        parameters[index].type, NameTable.name(model, model.graph.inputs.count + model.outputs.count + index),
        trainable: parameters[index].isTrained, port)
    }
  }
}

@implementation @_cdecl("denpa_model_view")
public func denpa_model_view(
  _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ view: UnsafeMutablePointer<denpa_tensor>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      guard let view else { throw DenpaError(.badArgument, "the place for the view is NULL") }
      let index = try model.parameterIndex(try requireName(name, "the parameter's name"))
      let found = try model.view(index)
      view.pointee = denpa_tensor(found.type, data: found.data)
    }
  }
}

@implementation @_cdecl("denpa_model_set")
public func denpa_model_set(
  _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ value: UnsafePointer<denpa_tensor>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      guard let value else { throw DenpaError(.badArgument, "the value is NULL") }
      let index = try model.parameterIndex(try requireName(name, "the parameter's name"))
      try model.set(index, try view(value, "value", 0))
    }
  }
}

@implementation @_cdecl("denpa_model_set_trainable")
public func denpa_model_set_trainable(
  _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ trainable: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      try model.setTrainable(try requireName(name, "the name of a parameter or layer"), trainable != 0)
    }
  }
}

@implementation @_cdecl("denpa_model_json")
public func denpa_model_json(
  _ model: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let bytes = try GraphCoding.encode(model).serialized()
      try checkMemory("the model's text")
      try write(text: bytes, buffer, capacity, length)
    }
  }
}

@implementation @_cdecl("denpa_model_save")
public func denpa_model_save(_ model: OpaquePointer!, _ path: UnsafePointer<CChar>!) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let path = try filePath(path, "the path")
      try ModelFile.save(try ModelFile.Contents(model), to: path)
    }
  }
}

@implementation @_cdecl("denpa_model_save_bytes")
public func denpa_model_save_bytes(
  _ model: OpaquePointer!, _ buffer: UnsafeMutableRawPointer!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let contents = try ModelFile.Contents(model)
      let needed = try contents.byteCount
      try checkMemory("the model's bytes")
      try checkRoom(needed, buffer, capacity, length, reported: needed)
      guard let buffer, capacity > 0 else { return }
      try contents.write(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(capacity)))
    }
  }
}

@implementation @_cdecl("denpa_model_load")
public func denpa_model_load(
  _ path: UnsafePointer<CChar>!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    let path = try filePath(path, "the path")
    try createHandle(model, Handles.model) { () throws(DenpaError) in
      try ModelFile.load(path: path).withNames()
    }
  }
}

@implementation @_cdecl("denpa_model_load_bytes")
public func denpa_model_load_bytes(
  _ data: UnsafeRawPointer!, _ size: Int64, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    guard let data else { throw DenpaError(.badArgument, "the bytes are NULL") }
    guard size >= 0 else { throw DenpaError(.badArgument, "a size of \(size) bytes") }
    let bytes = UnsafeRawBufferPointer(start: data, count: Int(size))
    try createHandle(model, Handles.model) { () throws(DenpaError) in try ModelFile.load(bytes).withNames() }
  }
}
