import CDenpa
import CShim
import DenpaCore
import DenpaGraph

/// What a plugin's `create` made, and the attributes that it was made from; destroyed with the last graph
/// that uses it.
final class PluginInstance: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer?
  /// Serializes calls, unless the layer declares itself re-entrant.
  let turn: Turn?
  private let attributes: AttributeList
  private let definition: PluginDefinition

  init(_ definition: PluginDefinition, _ attributes: Attributes) throws(DenpaError) {
    self.definition = definition
    let list = try AttributeList(attributes)
    self.attributes = list
    turn = definition.isReentrant ? nil : Turn()
    guard let create = definition.layer.create else {
      pointer = nil
      return
    }
    var made: UnsafeMutableRawPointer?
    try Callback.check("create") { note, place in
      denpa_shim_create(
        Callback.address(create), PluginHost.table, definition.userData, list.pointer, &made, note, place)
    }
    pointer = made
  }

  deinit {
    guard definition.layer.create != nil, let destroy = definition.layer.destroy else { return }
    var text = FailureText()
    denpa_shim_destroy(Callback.address(destroy), definition.userData, pointer, Callback.note, &text)
    // No call could return it.
    if text.isException { PluginLog.write(3, text.exception(.layerFailed, "destroy").message) }
  }
}

/// A plugin's layer with its attributes, in the form of any layer of the engine.
struct PluginLayer: ForeignLayer {
  let definition: PluginDefinition
  let instance: PluginInstance

  init(_ definition: PluginDefinition, _ attributes: Attributes) throws(DenpaError) {
    self.definition = definition
    instance = try PluginInstance(definition, attributes)
  }

  var needs: (inputs: Bool, outputs: Bool) {
    (
      definition.layer.flags & UInt32(DENPA_NEEDS_INPUTS) != 0,
      definition.layer.flags & UInt32(DENPA_NEEDS_OUTPUTS) != 0
    )
  }

  func prepare(_ call: ForeignCall) throws(DenpaError) -> PreparedForeignCall {
    // Callbacks cast their pointers by dtype, so an unsupported dtype must never reach them.
    for type in call.inputs + call.outputs + call.parameters {
      guard !type.dtype.isFloat || definition.spec.dtypes.contains(type.dtype) else {
        throw DenpaError(
          .notSupported,
          "the layer computes in \(list: definition.spec.dtypes.map(\.name)), not in \(type.dtype)")
      }
    }
    return PreparedForeignCall(step: PluginCall.step, context: try PluginCall(self, call))
  }

  // MARK: Shapes

  func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let count = Int(definition.layer.output_count)
    let asked = try known(inputs)
    let float = asked.first { $0.dtype.isFloat }?.dtype
    guard let infer = definition.layer.infer_shape else {
      let type = definition.isLoss ? TensorType(.float32, []) : inputs.first ?? TensorType(.float32, [])
      return Array(repeating: type, count: count)
    }
    let arena = CArena()
    let given = try arena.tensors(asked),
      made = try arena.tensors(Array(repeating: TensorType(.float32, []), count: count))
    for index in 0..<count {
      made.tensors[index].dtype = (asked.first?.dtype ?? .float32).rawValue
      made.tensors[index].rank = -1
    }
    try Callback.check("infer_shape") { note, place in
      denpa_shim_infer_shape(
        Callback.address(infer), PluginHost.table, definition.userData, instance.pointer, given.readable,
        made.writable, note, place)
    }
    let isBatched = inputs.contains { $0.shape.isBatched }
    var result: [TensorType] = []
    for index in 0..<count {
      let name: Message = "infer_shape: outputs[\(index)]"
      guard made.tensors[index].rank >= 0 else {
        throw DenpaError(.badShape, "\(name): its rank was not set")
      }
      var type = try TensorReader.type(made.tensors[index], batch: true, name)
      guard !type.shape.isBatched || isBatched else {
        throw DenpaError(.badShape, "\(name) has a symbolic batch, while no input has one")
      }
      guard !(definition.spec.rowsIndependent && isBatched && !definition.isLoss) || type.shape.isBatched
      else {
        throw DenpaError(
          .badShape,
          "\(name) has shape \(type.shape): the layer's rows are independent, so dim[0] of the input is copied"
        )
      }
      guard !definition.isLoss || type.shape.rank == 0 else {
        throw DenpaError(
          .badShape, "\(name) has shape \(type.shape): the output of a loss is one number, of rank 0")
      }
      if type.dtype.isFloat {
        guard type.dtype == float ?? type.dtype else {
          throw DenpaError(
            .badDType,
            "\(name) is \(type.dtype): copy the dtype of the inputs, which \(float ?? .float32) is here")
        }
        // The engine's placeholder for the model's float dtype.
        type.dtype = inputs.first { $0.dtype.isFloat }?.dtype ?? .float32
      }
      result.append(type)
    }
    return result
  }

  /// Returns the inputs in the form passed to the layer. Graphs say float32 before they know the model's
  /// dtype: a layer that does not support float32 gets its own. Integers are passed in the dtype that was
  /// proved.
  private func known(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let handedOver = try definition.spec.handedOver(inputs)
    guard let dtype = definition.spec.dtypes.first else { return handedOver }
    return handedOver.map { type in
      type.dtype.isFloat && !definition.spec.dtypes.contains(type.dtype)
        ? TensorType(dtype, type.shape) : type
    }
  }

  func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    guard let describe = definition.layer.parameter else { return [] }
    let arena = CArena()
    let given = try arena.tensors(try known(inputs))
    var result: [ParameterSpec] = []
    for index in 0..<definition.layer.parameter_count {
      let owner: Message = "parameter \(index)"
      var parameter = denpa_parameter()
      parameter.struct_size = MemoryLayout<denpa_parameter>.size
      parameter.rank = -1
      try Callback.check("parameter") { note, place in
        denpa_shim_parameter(
          Callback.address(describe), PluginHost.table, definition.userData, instance.pointer, given.readable,
          index,
          &parameter, note, place)
      }
      let name = try CText.readIdentifier(parameter.name, "\(owner): its name")
      guard !result.contains(where: { $0.name == name }) else {
        throw DenpaError(.badPlugin, "two parameters are named \"\(name)\"")
      }
      guard let role = ParameterSpec.Role(rawValue: Int(parameter.role)) else {
        throw DenpaError(
          .badPlugin,
          "\(owner), \"\(name)\": its role is \(parameter.role): expected DENPA_TRAINED, DENPA_FROZEN or DENPA_STATE"
        )
      }
      guard parameter.rank >= 0 else {
        throw DenpaError(.badShape, "\(owner), \"\(name)\": its rank was not set")
      }
      let shape = try TensorReader.shape(
        rank: parameter.rank, extents: parameter.dim, batch: false, "\(owner), \"\(name)\"")
      let initializer = denpa_spec(kind: parameter.initializer, attributes: parameter.initializer_attributes)
      result.append(
        ParameterSpec(
          name, shape,
          initializer: try AttributeReader.spec(initializer, "\(owner), \"\(name)\": its initializer"),
          role: role))
    }
    return result
  }

  // MARK: Memory

  func saved(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    guard let describe = definition.layer.saved else { return [] }
    let arena = CArena()
    let asked = try known(inputs)
    let given = try arena.tensors(asked)
    var result: [TensorType] = []
    for index in 0..<definition.layer.saved_count {
      let owner: Message = "saved tensor \(index)"
      var tensor = denpa_tensor()
      tensor.dtype = (asked.first?.dtype ?? .float32).rawValue
      tensor.rank = -1
      try Callback.check("saved") { note, place in
        denpa_shim_saved(
          Callback.address(describe), PluginHost.table, definition.userData, instance.pointer, given.readable,
          index,
          &tensor, note, place)
      }
      guard tensor.rank >= 0 else { throw DenpaError(.badShape, "\(owner): its rank was not set") }
      result.append(try TensorReader.type(tensor, owner))
    }
    return result
  }

  func workspace(_ inputs: [TensorType]) throws(DenpaError) -> Int {
    guard let measure = definition.layer.workspace else { return 0 }
    let arena = CArena()
    let given = try arena.tensors(try known(inputs))
    var bytes: Int64 = 0
    try Callback.check("workspace") { note, place in
      bytes = denpa_shim_workspace(
        Callback.address(measure), definition.userData, instance.pointer, given.readable, note, place)
      return 0
    }
    guard (0...1 << 47).contains(bytes) else {
      throw DenpaError(.layerFailed, "workspace returned \(bytes) bytes")
    }
    return Int(bytes)
  }
}
