import DenpaCore
import DenpaKernelTypes

/// What a plan is made for.
public enum PlanMode: Sendable {
  /// Outputs only.
  case infer
  /// Outputs or losses, and gradients.
  case train
  /// Like `train`, with every value and gradient kept: nothing is fused, no memory is shared.
  case observe
}

/// Collects tensors and ops while the layers of a graph write their recipes.
final class PlanBuilder {
  let graph: Graph
  let dtype: DType
  let mode: PlanMode
  let maximumRows: Int
  /// The numbers of each node's parameters among all parameters, and whether each of these is trained.
  let parameterNumbers: [[Int]]
  let trainable: [Bool]

  var tensors: [PlanTensor] = []
  var ops: [Op] = []
  /// The tensor of each graph value.
  var valueTensors: [TensorID] = []
  /// Whether the gradient of each value is needed to compute a wanted one.
  var needsGradient: [Bool] = []
  /// The gradient tensor of each value, once an op reads or writes it; `hasGradient` is true once an op
  /// writes it.
  private var gradientTensors: [TensorID?]
  private var hasGradient: [Bool]
  private var parameterTensors: [Int: TensorID] = [:]
  private var parameterGradients: [Int: TensorID] = [:]
  private var savedTensors: [Int: [String: TensorID]] = [:]

  var trains: Bool { mode != .infer }

  init(
    graph: Graph, dtype: DType, mode: PlanMode, maximumRows: Int, parameterNumbers: [[Int]],
    trainable: [Bool],
    inputGradients: Bool, gradientValues: [ValueID], allGradients: Bool
  ) {
    self.graph = graph
    self.dtype = dtype
    self.mode = mode
    self.maximumRows = maximumRows
    self.parameterNumbers = parameterNumbers
    self.trainable = trainable
    gradientTensors = Array(repeating: nil, count: graph.values.count)
    hasGradient = Array(repeating: false, count: graph.values.count)
    for (value, description) in graph.values.enumerated() {
      valueTensors.append(
        add(modelType(description.type), .temporary, node: description.node, label: "value \(value)"))
    }
    needsGradient = Array(repeating: false, count: graph.values.count)
    guard mode != .infer else { return }
    for (index, node) in graph.nodes.enumerated() {
      let trained = parameterNumbers[index].contains { trainable[$0] }
      let needed =
        node.layer == nil
        ? inputGradients : trained || node.inputs.contains { needsGradient[$0] }
      for value in node.outputs
      where (needed || allGradients || gradientValues.contains(value))
        && graph.values[value].type.dtype.isFloat
      {
        needsGradient[value] = true
      }
    }
  }

  func modelType(_ type: TensorType) -> TensorType {
    TensorType(type.dtype.isFloat ? dtype : type.dtype, type.shape)
  }

  func add(_ type: TensorType, _ role: TensorRole, node: Int, label: String) -> TensorID {
    tensors.append(PlanTensor(type: type, role: role, node: node, label: label))
    return tensors.count - 1
  }

  // MARK: Tensors that recipes ask for

  private func parameterIndex(_ node: Int, _ name: String) -> Int {
    guard let index = graph.nodes[node].parameters.firstIndex(where: { $0.name == name }) else {
      // A mistake in a layer of the library's own, which its first test meets.
      preconditionFailure("the recipe of \(graph.nodes[node].kind) has no parameter \(name)")
    }
    return index
  }

  func parameterTensor(_ node: Int, _ name: String) -> TensorID {
    let index = parameterIndex(node, name)
    let number = parameterNumbers[node][index]
    if let known = parameterTensors[number] { return known }
    let id = add(
      TensorType(dtype, graph.nodes[node].parameters[index].shape), .parameter(number), node: node,
      label: name)
    parameterTensors[number] = id
    return id
  }

  func parameterGradientTensor(_ node: Int, _ name: String) -> TensorID {
    let index = parameterIndex(node, name)
    let number = parameterNumbers[node][index]
    if let known = parameterGradients[number] { return known }
    let type = TensorType(dtype, graph.nodes[node].parameters[index].shape)
    // The gradient of a parameter that is not trained is a tensor that no op reads, which the pass that drops
    // unwanted ops removes.
    let role: TensorRole = trainable[number] ? .parameterGradient(number) : .temporary
    let id = add(type, role, node: node, label: "d\(name)")
    parameterGradients[number] = id
    return id
  }

  func savedTensor(_ node: Int, _ name: String, _ type: TensorType) -> TensorID {
    if let known = savedTensors[node]?[name] { return known }
    let id = add(type, .temporary, node: node, label: name)
    savedTensors[node, default: [:]][name] = id
    return id
  }

  /// Returns the tensor that the recipe of a node has saved under a name, if it has.
  func knownTensor(_ node: Int, _ name: String) -> TensorID? { savedTensors[node]?[name] }

  /// Returns the tensor for a converted copy of an input, the same in forward and backward, and whether it is
  /// new.
  func ownInput(_ node: Int, _ index: Int, _ type: TensorType) -> (tensor: TensorID, isNew: Bool) {
    let isNew = savedTensors[node]?["input \(index)"] == nil
    return (savedTensor(node, "input \(index)", type), isNew)
  }

  // MARK: Gradients

  func setGradient(_ value: ValueID, _ tensor: TensorID) {
    gradientTensors[value] = tensor
    hasGradient[value] = true
  }

  func isReached(_ value: ValueID) -> Bool { hasGradient[value] }

  func gradientTensor(_ value: ValueID) -> TensorID {
    if let known = gradientTensors[value] { return known }
    let id = add(
      tensors[valueTensors[value]].type, .temporary, node: graph.values[value].node,
      label: "gradient of value \(value)"
    )
    gradientTensors[value] = id
    return id
  }

  func gradientDestination(_ value: ValueID, from node: Int) -> TensorID {
    let id = gradientTensor(value)
    hasGradient[value] = true
    return id
  }

  /// Returns the gradient with respect to an output; zeros if nothing depends on it.
  func gradientSource(_ value: ValueID, reader node: Int) -> TensorID {
    let id = gradientTensor(value)
    if !hasGradient[value] {
      hasGradient[value] = true
      ops.append(Op(ZeroOperation(), node: node, reads: [], to: id))
    }
    return id
  }

  /// Emits the backward of every node that a wanted gradient needs, from the outputs to the inputs.
  func emitBackward() throws(DenpaError) {
    for index in graph.nodes.indices.reversed() {
      let node = graph.nodes[index]
      guard let layer = node.layer, let spec = node.spec else { continue }
      guard node.outputs.contains(where: { hasGradient[$0] && needsGradient[$0] }) else { continue }
      guard spec.differentiable else {
        throw DenpaError(
          .notSupported,
          "\(node.kind) \"\(node.name)\" has no backward: it serves inference only and cannot be trained"
        )
      }
      try layer.backward(Recipe(builder: self, node: index))
      try checkMemory("a plan")
    }
  }

  func emitForward() throws(DenpaError) {
    for (index, node) in graph.nodes.enumerated() {
      guard let layer = node.layer else { continue }
      try layer.forward(Recipe(builder: self, node: index))
      try checkMemory("a plan")
    }
  }
}
