import DenpaCore
import DenpaKernelTypes

/// A tensor in a recipe; `.T` is its transpose, read in place.
public struct Tensor: Sendable {
  let id: TensorID
  var transposed = false

  public var T: Tensor { Tensor(id: id, transposed: !transposed) }
}

/// What a layer writes its formulas to: named tensors, and one method for each kind of op.
///
/// Matrices are seen as (everything but the last axis) × (last axis). Destinations are plain: whether a gradient is stored, added
/// or dropped is decided by the plan.
public struct Recipe {
  let builder: PlanBuilder
  let node: Int

  // MARK: Tensors

  public var inputCount: Int { builder.graph.nodes[node].inputs.count }
  public func input(_ index: Int) -> Tensor {
    Tensor(id: builder.valueTensors[builder.graph.nodes[node].inputs[index]])
  }
  public func output(_ index: Int) -> Tensor {
    Tensor(id: builder.valueTensors[builder.graph.nodes[node].outputs[index]])
  }
  public var x: Tensor { input(0) }
  public var y: Tensor { output(0) }
  /// A parameter by its name.
  public subscript(parameter: String) -> Tensor { Tensor(id: builder.parameterTensor(node, parameter)) }

  public func dInput(_ index: Int) -> Tensor {
    Tensor(id: builder.gradientDestination(builder.graph.nodes[node].inputs[index], from: node))
  }
  public func dOutput(_ index: Int) -> Tensor {
    Tensor(id: builder.gradientSource(builder.graph.nodes[node].outputs[index], reader: node))
  }
  public var dx: Tensor { dInput(0) }
  public var dy: Tensor { dOutput(0) }
  /// The gradient of a parameter.
  public func d(_ parameter: String) -> Tensor { Tensor(id: builder.parameterGradientTensor(node, parameter)) }

  /// A tensor of the recipe's own, the same in forward and backward under the same name.
  public func saved(_ name: String, like tensor: Tensor) -> Tensor {
    Tensor(id: builder.savedTensor(node, name, builder.tensors[tensor.id].type))
  }
  public func shape(_ tensor: Tensor) -> Shape { builder.tensors[tensor.id].type.shape }

  // MARK: Ops

  /// y = a·b (+ bias)
  public func product(_ a: Tensor, _ b: Tensor, plus bias: Tensor? = nil, into y: Tensor) {
    emit(
      .product(
        transposeA: a.transposed, transposeB: b.transposed, bias: bias != nil, function: .identity, slope: nil),
      [a, b] + (bias.map { [$0] } ?? []), y)
  }
  /// y = f(x)
  public func apply(_ function: Function, _ x: Tensor, into y: Tensor) {
    if function == .identity { emit(.copy(scale: 1), [x], y) } else { emit(.map(function), [x], y) }
  }
  /// dx = dy ∘ f'(x), told from y = f(x); where y does not tell the slope (`Function.slopeFromOutput`), `y` is to be x.
  public func applySlope(_ function: Function, at y: Tensor, _ dy: Tensor, into dx: Tensor) {
    if function == .identity { emit(.copy(scale: 1), [dy], dx) } else { emit(.mapGradient(function), [y, dy], dx) }
  }
  public func add(_ a: Tensor, _ b: Tensor, into y: Tensor) { emit(.add, [a, b], y) }
  /// y = x, element by element, whatever the shapes.
  public func copy(_ x: Tensor, into y: Tensor) { emit(.copy(scale: 1), [x], y) }
  /// db = Σ dy over the rows
  public func sumRows(_ dy: Tensor, into db: Tensor) { emit(.columnSum, [dy], db) }
  public func softmax(_ x: Tensor, into y: Tensor) { emit(.softmax, [x], y) }
  public func softmaxGradient(at y: Tensor, _ dy: Tensor, into dx: Tensor) { emit(.softmaxGradient, [y, dy], dx) }

  /// loss = reduction of −Σ t·log(p + epsilon); from logits p is computed and kept in `probabilities`.
  public func crossEntropy(
    _ prediction: Tensor, _ target: Tensor, epsilon: Double, _ reduction: Reduction, probabilities: Tensor?,
    into loss: Tensor
  ) {
    builder.ops.append(
      Op(
        kind: .crossEntropy(fromLogits: probabilities != nil, epsilon: epsilon, reduction: reduction), node: node,
        reads: [prediction.id, target.id],
        writes: [Destination(tensor: loss.id), probabilities.map { Destination(tensor: $0.id) }]))
  }
  public func crossEntropyGradient(
    _ probabilities: Tensor, _ target: Tensor, fromLogits: Bool, epsilon: Double, _ reduction: Reduction,
    _ dloss: Tensor, into dx: Tensor
  ) {
    emit(
      .crossEntropyGradient(fromLogits: fromLogits, epsilon: epsilon, reduction: reduction),
      [probabilities, target, dloss], dx)
  }
  /// loss = factor · reduction of Σ(y − t)²
  public func squaredError(
    _ y: Tensor, _ t: Tensor, factor: Double, _ reduction: Reduction, into loss: Tensor
  ) { emit(.squaredError(factor: factor, reduction: reduction), [y, t], loss) }
  public func squaredErrorGradient(
    _ y: Tensor, _ t: Tensor, factor: Double, _ reduction: Reduction, _ dloss: Tensor, into dy: Tensor
  ) { emit(.squaredErrorGradient(factor: factor, reduction: reduction), [y, t, dloss], dy) }

  private func emit(_ kind: Op.Kind, _ reads: [Tensor], _ destination: Tensor) {
    builder.ops.append(
      Op(kind: kind, node: node, reads: reads.map(\.id), writes: [Destination(tensor: destination.id)]))
  }

  // MARK: Calls out of the engine

  /// The forward call of a foreign layer.
  public func callForward(_ layer: some ForeignLayer) throws(DenpaError) {
    let layout = try foreignLayout(layer, .forward)
    let saved = layout.saved.map { Optional(Destination(tensor: $0)) }
    builder.ops.append(
      Op(
        kind: .foreign(layer, .forward, layout), node: node, reads: layout.inputs + layout.parameters,
        writes: layout.outputs.map { Destination(tensor: $0) } + saved))
  }

  /// The backward call of a foreign layer.
  public func callBackward(_ layer: some ForeignLayer) throws(DenpaError) {
    var layout = try foreignLayout(layer, .backward)
    let values = builder.graph.nodes[node].outputs
    layout.doutputs = values.map { builder.gradientSource($0, reader: node) }
    let needs = layer.needs
    if !needs.outputs { layout.outputs = layout.outputs.map { _ in -1 } }
    if !needs.inputs { layout.inputs = layout.inputs.map { _ in -1 } }
    var taken = Set<TensorID>()
    var merged: [(own: TensorID, gradient: TensorID)] = []
    let dinputs = builder.graph.nodes[node].inputs.map { value -> Destination? in
      guard builder.needsGradient[value] else { return nil }
      let gradient = builder.gradientDestination(value, from: node)
      if taken.insert(gradient).inserted { return Destination(tensor: gradient) }
      // The same value twice: a callback may write its gradients in any order, so it gets memory for each of them.
      let own = builder.add(builder.tensors[gradient].type, .temporary, node: node, label: "gradient of an input")
      merged.append((own, gradient))
      return Destination(tensor: own)
    }
    let dparameters = builder.graph.nodes[node].parameters.map { parameter -> Destination? in
      parameter.role == .trained ? Destination(tensor: builder.parameterGradientTensor(node, parameter.name)) : nil
    }
    let reads = layout.inputs + layout.outputs + layout.parameters + layout.saved + layout.doutputs
    builder.ops.append(
      Op(
        kind: .foreign(layer, .backward, layout), node: node, reads: reads.filter { $0 >= 0 },
        writes: dinputs + dparameters))
    for (own, gradient) in merged { copy(Tensor(id: own), into: Tensor(id: gradient)) }
  }

  private func foreignLayout(_ layer: some ForeignLayer, _ direction: Direction) throws(DenpaError) -> ForeignLayout {
    let graphNode = builder.graph.nodes[node]
    let given = graphNode.inputs.map { builder.tensors[builder.valueTensors[$0]].type }
    let inputTypes = try graphNode.spec?.handedOver(given) ?? given
    let inputs = graphNode.inputs.enumerated().map { index, value in
      handedOver(builder.valueTensors[value], inputTypes[index], graphNode.spec?.proved ?? [], index)
    }
    let largest = inputTypes.map { $0.withRows(builder.maximumRows) }
    var saved: [TensorID] = []
    if builder.trains {
      // What is saved may depend on the batch, so its type is told for the largest one, and again when arguments are made.
      for (index, type) in try layer.saved(largest).enumerated() {
        saved.append(builder.savedTensor(node, "saved \(index)", type))
      }
    }
    let bytes = try layer.workspace(largest)
    let workspace = bytes > 0 ? builder.workspaceTensor(node, bytes, direction) : nil
    return ForeignLayout(
      inputTypes: inputTypes, inputs: inputs, outputs: graphNode.outputs.map { builder.valueTensors[$0] },
      parameters: graphNode.parameters.map { builder.parameterTensor(node, $0.name) }, saved: saved, doutputs: [],
      workspace: workspace)
  }

  /// What the layer is given of an integer input: the dtype that was proved, and class numbers that are checked, because
  /// its callbacks index by them.
  private func handedOver(_ tensor: TensorID, _ type: TensorType, _ proved: [ProvedInput], _ index: Int) -> TensorID {
    let areClasses = proved.indices.contains(index) && proved[index].areClasses
    guard !type.dtype.isFloat, areClasses || type.dtype != builder.tensors[tensor].type.dtype else { return tensor }
    let (own, isNew) = builder.ownInput(node, index, type)
    if isNew {
      let classes = areClasses ? shape(input(0)).last ?? 1 : nil
      builder.ops.append(
        Op(kind: .integers(classes: classes), node: node, reads: [tensor], writes: [Destination(tensor: own)]))
    }
    return own
  }
}
