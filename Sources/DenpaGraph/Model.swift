import DenpaCore

/// One parameter of a model.
public struct Parameter: Sendable {
  /// "<node>.<parameter>"
  public var name: String
  public var node: Int
  public var spec: ParameterSpec
  public var type: TensorType
  /// The value given to `setTrainable`; states and frozen parameters are never trained, whatever it is.
  public var trainable = true

  public var isTrained: Bool { trainable && spec.role == .trained }
}

extension ParameterSpec {
  /// Returns what draws this parameter. Throws if its initializer cannot.
  func drawing(
    _ registry: Registry, _ random: Random = Random(seed: 0, stream: 0)
  ) throws(DenpaError) -> (values: InitializerDefinition.Values, context: InitializerDefinition.Context) {
    let definition = try registry.initializer(initializer.kind)
    let attributes = try Attributes(
      checking: initializer.attributes, against: definition.attributes,
      owner: "initializer \"\(initializer.kind)\"")
    let context = InitializerDefinition.Context(
      shape: shape, fanIn: shape.rank >= 2 ? shape.count / max(shape.last ?? 1, 1) : shape.count,
      fanOut: shape.last ?? 1, random: random, attributes: attributes)
    try definition.check(context)
    return (definition.values, context)
  }
}

/// A graph with parameters. Its float dtype is fixed when it is made.
public final class Model: @unchecked Sendable {
  public let graph: Graph
  public let outputs: [ValueID]
  public let outputNames: [String]
  public let dtype: DType
  public let seed: UInt64
  /// Whether an input has an open extent.
  public let isOpen: Bool
  /// The numbers of each node's parameters; those of nodes that share them are the same.
  public let parameterNumbers: [[Int]]
  public let layout: ParameterLayout
  let store: ParameterStore
  private let mutex = Mutex()
  /// What a binding keeps with the model; set once, before the model is visible to others.
  public var attachment: AnyObject?
  private var parameterTable: [Parameter]
  private let numbersByName: [String: Int]

  public var parameters: [Parameter] { mutex.withLock { parameterTable } }

  /// Makes a model of the part of `graph` that `outputs` need. Parameters are drawn from `seed`.
  public convenience init(
    _ graph: Graph, outputs: [ValueID], dtype: DType, seed: UInt64, registry: Registry = .shared
  ) throws(DenpaError) {
    let pruned = try graph.pruned(to: outputs)
    try self.init(pruned: pruned.graph, outputs: pruned.outputs, dtype: dtype, seed: seed)
    try initialize(seed: seed, registry: registry)
  }

  /// Makes a model whose parameters are all zero, for callers that fill them.
  public convenience init(zeroed graph: Graph, outputs: [ValueID], dtype: DType, seed: UInt64)
    throws(DenpaError)
  {
    let pruned = try graph.pruned(to: outputs)
    try self.init(pruned: pruned.graph, outputs: pruned.outputs, dtype: dtype, seed: seed)
  }

  private init(pruned graph: Graph, outputs: [ValueID], dtype: DType, seed: UInt64) throws(DenpaError) {
    guard dtype.isFloat else {
      throw DenpaError(.badDType, "a model's dtype is float32 or float64, got \(dtype)")
    }
    self.graph = graph
    isOpen = graph.isOpen
    self.outputs = outputs
    self.dtype = dtype
    self.seed = seed
    outputNames = outputs.map { value in
      let node = graph.nodes[graph.values[value].node]
      guard node.outputs.count > 1, let spec = node.spec, let port = node.outputs.firstIndex(of: value) else {
        return node.name
      }
      let isNamed = spec.outputs.indices.contains(port) && !spec.variadicOutputs
      return "\(node.name).\(isNamed ? spec.outputs[port] : "\(port)")"
    }
    var table: [Parameter] = []
    var numbers: [[Int]] = []
    for (index, node) in graph.nodes.enumerated() {
      if let owner = node.shares {
        numbers.append(numbers[owner])
        continue
      }
      numbers.append(node.parameters.indices.map { table.count + $0 })
      for spec in node.parameters {
        table.append(
          Parameter(
            name: "\(node.name).\(spec.name)", node: index, spec: spec, type: TensorType(dtype, spec.shape)))
      }
    }
    parameterNumbers = numbers
    parameterTable = table
    // The names are distinct, because each begins with its node's name, which contains no '.'.
    numbersByName = Dictionary(table.indices.map { (table[$0].name, $0) }) { first, _ in first }
    layout = try ParameterLayout(table.map(\.type))
    store = try ParameterStore(layout)
    try checkMemory("a model")
  }

  /// Returns a model with the same graph and a copy of the parameters, converted if another dtype is given.
  public func copy(dtype newType: DType? = nil) throws(DenpaError) -> Model {
    let result = try Model(pruned: graph, outputs: outputs, dtype: newType ?? dtype, seed: seed)
    // Read under the lock, not from a copy of the table, which could share its memory with what is written
    // next.
    mutex.withLock {
      for index in parameterTable.indices {
        result.parameterTable[index].trainable = parameterTable[index].trainable
      }
    }
    try store.withHome { source throws(DenpaError) in
      try result.store.withHome { destination throws(DenpaError) in
        for (index, parameter) in result.parameterTable.enumerated() {
          convert(
            source + layout.offsets[index], dtype, to: destination + result.layout.offsets[index],
            result.dtype, count: parameter.type.shape.count)
        }
      }
    }
    return result
  }

  /// Draws every parameter with its initializer.
  public func initialize(seed: UInt64, registry: Registry = .shared) throws(DenpaError) {
    // Drawn into separate memory first, so that nothing changes if an initializer is unknown or its options
    // are wrong.
    let draft = try layout.makeBuffer(zeroed: true, "parameters")
    for (index, parameter) in parameters.enumerated() {
      do {
        try draw(parameter, index, seed, registry, into: draft.base + layout.offsets[index])
      } catch {
        throw error.inside("parameter \"\(parameter.name)\"")
      }
    }
    try store.publish(draft.base)
  }

  private func draw(
    _ parameter: Parameter, _ index: Int, _ seed: UInt64, _ registry: Registry,
    into memory: UnsafeMutableRawPointer
  ) throws(DenpaError) {
    let drawing = try parameter.spec.drawing(registry, Random(seed: seed, stream: UInt64(index)))
    let count = parameter.type.shape.count
    func store(_ value: Double, _ element: Int) {
      if dtype == .float64 {
        memory.storeBytes(of: value, toByteOffset: element * 8, as: Double.self)
      } else {
        memory.storeBytes(of: Float(value), toByteOffset: element * 4, as: Float.self)
      }
    }
    switch drawing.values {
    case .element(let value):
      for element in 0..<count { store(value(drawing.context, element), element) }
    case .whole(let fill):
      let buffer = try Buffer(byteCount: count * 8, "a parameter's initial values")
      let values = UnsafeMutableBufferPointer(
        start: buffer.base.bindMemory(to: Double.self, capacity: count), count: count)
      try fill(drawing.context, values)
      for element in 0..<count { store(values[element], element) }
    }
  }

  public func parameterIndex(_ name: String) throws(DenpaError) -> Int {
    if let index = numbersByName[name] { return index }
    throw DenpaError(
      .notFound, "the model has no parameter \"\(name)\"; it has \(list: parameters.map(\.name))")
  }

  /// Returns a writable view of a parameter, valid as long as the model.
  public func view(_ index: Int) throws(DenpaError) -> TensorView {
    TensorView(try store.settledHome() + layout.offsets[index], parameters[index].type)
  }

  /// Copies `value`, of the same shape and any dtype, into a parameter. Sessions see all of the change or
  /// none of it.
  public func set(_ index: Int, _ value: TensorView) throws(DenpaError) {
    guard let (data, count) = try checked(index, value) else { return }
    try store.change { memory in
      convert(data, value.type.dtype, to: memory + layout.offsets[index], dtype, count: count)
    }
  }

  /// Copies values into several parameters at once: sessions see all of them or none.
  public func set(_ values: [(index: Int, value: TensorView)]) throws(DenpaError) {
    var copies: [(index: Int, type: DType, data: UnsafeMutableRawPointer, count: Int)] = []
    for (index, value) in values {
      guard let (data, count) = try checked(index, value) else { continue }
      copies.append((index, value.type.dtype, data, count))
    }
    try checkMemory("values of parameters")
    try store.change { memory in
      for copy in copies {
        convert(copy.data, copy.type, to: memory + layout.offsets[copy.index], dtype, count: copy.count)
      }
    }
  }

  /// Does the same in place, for a model that is not yet visible to others.
  public func fill(_ index: Int, _ value: TensorView) throws(DenpaError) {
    guard let (data, count) = try checked(index, value) else { return }
    convert(data, value.type.dtype, to: store.home.base + layout.offsets[index], dtype, count: count)
  }

  /// Checks a value for a parameter. Returns nil if there is nothing to copy.
  private func checked(
    _ index: Int, _ value: TensorView
  ) throws(DenpaError) -> (data: UnsafeMutableRawPointer, count: Int)? {
    let parameter = parameters[index]
    guard value.type.shape == parameter.type.shape else {
      throw DenpaError(
        .badShape,
        "parameter \"\(parameter.name)\": expected \(parameter.type.shape), got \(value.type.shape)")
    }
    let count = parameter.type.shape.count
    guard count > 0 else { return nil }
    guard let data = value.data else {
      throw DenpaError(.badArgument, "parameter \"\(parameter.name)\": the tensor's data is NULL")
    }
    return (data, count)
  }

  /// Sets whether a parameter is trained, or with a node's name whether all of its parameters are.
  public func setTrainable(_ name: String, _ trainable: Bool) throws(DenpaError) {
    guard
      let chosen = numbersByName[name].map({ [$0] }) ?? graph.node(named: name).map({ parameterNumbers[$0] })
    else {
      throw DenpaError(
        .notFound,
        "the model has neither a parameter nor a layer \"\(name)\"; parameters are \(list: parameters.map(\.name))"
      )
    }
    mutex.withLock { for index in chosen { parameterTable[index].trainable = trainable } }
  }

  /// Returns a copy of all parameters as they are now.
  public func snapshot() throws(DenpaError) -> Buffer {
    let result = try layout.makeBuffer(zeroed: false, "a copy of the parameters")
    copyParameters(to: result.base)
    return result
  }

  public func copyParameters(to memory: UnsafeMutableRawPointer) {
    store.copy(to: memory)
  }

  /// Replaces all parameters, for all sessions at the same instant.
  public func publish(_ parameters: UnsafeRawPointer) throws(DenpaError) { try store.publish(parameters) }
}
