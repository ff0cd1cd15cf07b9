import DenpaCore

/// The number of a value in a graph.
public typealias ValueID = Int

public struct Node: Sendable {
  public var name: String
  public var kind: String
  public var attributes: [NamedAttribute]
  /// nil for an input.
  public var layer: (any Layer)?
  public var spec: LayerSpec?
  public var inputs: [ValueID]
  public var outputs: [ValueID]
  public var parameters: [ParameterSpec]
  /// The earlier node whose parameters it computes with; nil if its parameters are its own.
  public var shares: Int?
}

public struct GraphValue: Sendable {
  /// The type with the symbolic batch in front; extents may be open. Float values have float32 here, whatever
  /// the model's dtype will be.
  public var type: TensorType
  public var node: Int
}

/// A directed acyclic graph of named nodes with typed attributes. Names, arity and shapes are checked as it
/// grows. Nodes are in the order in which they were added, which is a topological one.
public struct Graph: Sendable {
  public static let maximumNodes = 65_536
  public static let maximumNameBytes = 255
  /// The maximum number of inputs of a model.
  public static let maximumInputs = 64
  public static let maximumOutputs = 64

  public private(set) var nodes: [Node] = []
  public internal(set) var values: [GraphValue] = []
  /// The values of the inputs, in the order in which they were added.
  public private(set) var inputs: [ValueID] = []
  private var nodeNumbers: [String: Int] = [:]
  private var kindCounts: [String: Int] = [:]

  public init() {}

  public func node(named name: String) -> Int? { nodeNumbers[name] }

  /// Reserves memory for `count` nodes at once: a table that grows step by step is at times in memory twice.
  public mutating func reserveCapacity(_ count: Int) {
    nodes.reserveCapacity(count)
    values.reserveCapacity(count)
    nodeNumbers.reserveCapacity(count)
  }

  /// Adds an input. `sample` is the shape of one sample (rank ≤ 7), which may have open extents.
  public mutating func addInput(name: String?, dtype: DType, sample: Shape) throws(DenpaError) -> ValueID {
    let name = try checkedName(name, kind: "input")
    guard sample.rank < Shape.maximumRank, !sample.isBatched else {
      throw DenpaError(
        .badShape,
        "input \"\(name)\": expected the shape of one sample with at most \(Shape.maximumRank - 1) axes, got \(sample)"
      )
    }
    let shape = Shape.batched(sample)
    do { _ = try shape.checkedCount() } catch {
      throw error.inside("input \"\(name)\"")
    }
    return try addInput(name: name, type: TensorType(dtype.isFloat ? .float32 : dtype, shape))
  }

  /// Adds an input of a complete type, including the batch: the target of a loss.
  mutating func addInput(name: String, type: TensorType) throws(DenpaError) -> ValueID {
    let id = values.count
    let node = Node(
      name: name, kind: "input", attributes: [], layer: nil, spec: nil, inputs: [], outputs: [id],
      parameters: [])
    inputs.append(id)
    do throws(DenpaError) { try append(node, types: [type]) } catch {
      inputs.removeLast()
      throw error
    }
    return id
  }

  /// Adds a layer and returns its output values.
  public mutating func add(
    _ kind: String, name: String?, attributes given: [NamedAttribute], inputs: [ValueID],
    registry: Registry = .shared, outputCount: Int? = nil
  ) throws(DenpaError) -> [ValueID] {
    let definition = try registry.layer(kind)
    let name = try checkedName(name, kind: kind)
    return try add(
      definition, name: name, attributes: given, inputs: inputs, registry: registry, outputCount: outputCount)
  }

  /// Adds a node of the kind and with the attributes of an earlier one, whose parameters it computes with.
  public mutating func share(
    _ owner: String, name: String?, inputs: [ValueID], registry: Registry = .shared, outputCount: Int? = nil
  ) throws(DenpaError) -> [ValueID] {
    guard let given = nodeNumbers[owner] else {
      let known = nodes.filter { $0.layer != nil }.map(\.name)
      throw DenpaError(.notFound, "the graph has no layer \"\(owner)\"; it has \(list: known, limit: 24)")
    }
    let kind = nodes[given].kind
    guard nodes[given].layer != nil else {
      throw DenpaError(.badArgument, "\(kind) \"\(owner)\" is no layer, so there is nothing to be shared")
    }
    let name = try checkedName(name, kind: kind)
    return try add(
      try registry.layer(kind), name: name, attributes: nodes[given].attributes, inputs: inputs,
      registry: registry, outputCount: outputCount, sharing: nodes[given].shares ?? given)
  }

  mutating func add(
    _ definition: LayerDefinition, name: String, attributes given: [NamedAttribute], inputs: [ValueID],
    registry: Registry = .shared, outputCount: Int? = nil, sharing owner: Int? = nil
  ) throws(DenpaError) -> [ValueID] {
    let spec = definition.spec
    let label: Message = "\(spec.kind) \"\(name)\""
    let enough = spec.variadic ? inputs.count >= spec.inputs.count : inputs.count == spec.inputs.count
    guard enough else {
      throw DenpaError(
        .badArgument,
        "\(label): expected \(spec.variadic ? "at least " : "")\(spec.inputs.count) input(s) (\(list: spec.inputs)), got \(inputs.count)"
      )
    }
    for value in inputs {
      guard values.indices.contains(value) else {
        throw DenpaError(
          .badArgument, "\(label): \(value) is no value of this graph (it has \(values.count))")
      }
    }
    let attributes = try Attributes(checking: given, against: spec.attributes, owner: label)
    let layer: any Layer
    let types: [TensorType]
    let parameters: [ParameterSpec]
    do throws(DenpaError) {
      layer = try definition.make(attributes)
      (types, parameters) = try OpenExtents.shapes(of: layer, inputs.map { values[$0].type })
      for type in types { _ = try type.shape.checkedCount() }
      for parameter in parameters {
        _ = try parameter.shape.checkedCount()
        do throws(DenpaError) { _ = try parameter.drawing(registry) } catch {
          throw error.inside("\(parameter.name)")
        }
      }
      if let owner { try checkShared(parameters, of: nodes[owner], by: layer) }
      let room = outputCount ?? types.count
      guard spec.variadicOutputs ? types.count <= room : types.count == room else {
        throw DenpaError(.badArgument, "it has \(types.count) output(s), got room for \(outputCount ?? 0)")
      }
    } catch {
      throw error.inside(label)
    }
    let first = values.count
    let outputs = Array(first..<first + types.count)
    try append(
      Node(
        name: name, kind: spec.kind, attributes: attributes.items, layer: layer, spec: spec, inputs: inputs,
        outputs: outputs, parameters: parameters, shares: owner),
      types: types)
    return outputs
  }

  /// Checks that the parameters of `owner` are those that another node of its kind needs.
  private func checkShared(
    _ parameters: [ParameterSpec], of owner: Node, by layer: any Layer
  ) throws(DenpaError) {
    let what: Message = "the parameters of \(owner.kind) \"\(owner.name)\""
    if let state = parameters.first(where: { $0.role == .state }), layer is any ForeignLayer {
      // Its backward may read the state that its own forward has left.
      throw DenpaError(
        .notSupported,
        "\(what) cannot be shared: a layer from outside the library has its state \"\(state.name)\" to itself"
      )
    }
    guard parameters.map(\.name) == owner.parameters.map(\.name) else {
      throw DenpaError(.badShape, "\(what) do not fit: these inputs need others")
    }
    for (needed, known) in zip(parameters, owner.parameters) where needed.shape != known.shape {
      throw DenpaError(
        .badShape,
        "\(what) do not fit: \(known.name) is \(known.shape) there, and these inputs need \(needed.shape)")
    }
  }

  private mutating func append(_ node: Node, types: [TensorType]) throws(DenpaError) {
    guard nodes.count < Graph.maximumNodes else {
      throw DenpaError(.limitExceeded, "a graph has at most \(Graph.maximumNodes) nodes")
    }
    // All or nothing: after a failed allocation everything is undone.
    nodeNumbers[node.name] = nodes.count
    kindCounts[node.kind, default: 0] += 1
    for type in types { values.append(GraphValue(type: type, node: nodes.count)) }
    nodes.append(node)
    do throws(DenpaError) { try checkMemory("a graph") } catch {
      nodes.removeLast()
      values.removeLast(types.count)
      kindCounts[node.kind, default: 1] -= 1
      nodeNumbers[node.name] = nil
      throw error
    }
  }

  /// Returns the given name if it is well-formed and not taken; without one, the first of "<kind>_1",
  /// "<kind>_2" … that is not taken ("vendor.swish" counts as "swish").
  func checkedName(_ name: String?, kind: String) throws(DenpaError) -> String {
    guard let name else {
      let stem = kind.split(separator: ".").last.map(String.init) ?? kind
      // Names are dense in the common case, so the first guess is nearly always free.
      var number = 1 + (kindCounts[kind] ?? 0)
      while nodeNumbers["\(stem)_\(number)"] != nil { number += 1 }
      return "\(stem)_\(number)"
    }
    let wellFormed = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        || byte == UInt8(ascii: "-")
    }
    guard wellFormed, !name.isEmpty, name.utf8.count <= Graph.maximumNameBytes else {
      throw DenpaError(
        .badArgument,
        "\"\(name)\" is no name for a node: letters, digits, '_' and '-', 1 to \(Graph.maximumNameBytes) of them"
      )
    }
    guard nodeNumbers[name] == nil else {
      throw DenpaError(.alreadyExists, "the graph has a node named \"\(name)\" already")
    }
    return name
  }

  /// Returns the part of the graph that `outputs` need, and its outputs. The remaining inputs keep their
  /// order.
  public func pruned(to outputs: [ValueID]) throws(DenpaError) -> (graph: Graph, outputs: [ValueID]) {
    guard (1...Graph.maximumOutputs).contains(outputs.count) else {
      throw DenpaError(.badArgument, "a model has 1 to \(Graph.maximumOutputs) outputs, got \(outputs.count)")
    }
    var needed = Array(repeating: false, count: nodes.count)
    for value in outputs {
      guard values.indices.contains(value) else {
        throw DenpaError(.badArgument, "output \(value) is no value of this graph (it has \(values.count))")
      }
      needed[values[value].node] = true
    }
    for index in nodes.indices.reversed() where needed[index] {
      for value in nodes[index].inputs { needed[values[value].node] = true }
    }
    if needed.allSatisfy({ $0 }) {
      try checkInputs()
      return (self, outputs)
    }
    var result = Graph()
    var number = Array(repeating: -1, count: values.count)
    // Of nodes that share parameters, the first that remains is the one that has them.
    var owner: [Int?] = Array(repeating: nil, count: nodes.count)
    for index in nodes.indices where needed[index] {
      var node = nodes[index]
      let shared = node.shares ?? index
      node.shares = owner[shared]
      if owner[shared] == nil { owner[shared] = result.nodes.count }
      let first = result.values.count
      for (offset, value) in node.outputs.enumerated() { number[value] = first + offset }
      let types = node.outputs.map { values[$0].type }
      node.inputs = node.inputs.map { number[$0] }
      node.outputs = node.outputs.map { number[$0] }
      try result.append(node, types: types)
      if node.layer == nil { result.inputs.append(first) }
    }
    try result.checkInputs()
    return (result, outputs.map { number[$0] })
  }

  private func checkInputs() throws(DenpaError) {
    guard (1...Graph.maximumInputs).contains(inputs.count) else {
      throw DenpaError(
        .badArgument, "a model has 1 to \(Graph.maximumInputs) inputs; the outputs depend on \(inputs.count)")
    }
  }
}
