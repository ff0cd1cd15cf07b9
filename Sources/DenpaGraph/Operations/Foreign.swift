import DenpaCore
import DenpaKernelTypes

public enum Direction: Sendable { case forward, backward }

/// A call of code outside the engine: a layer of a plugin or of the program itself.
///
/// Forward reads inputs and parameters, and writes outputs and saved tensors. Backward reads inputs and
/// outputs (if the layer needs them), parameters, saved tensors and gradients of outputs, and writes
/// gradients of inputs and of parameters.
struct ForeignOperation: Operation {
  let layer: any ForeignLayer
  let direction: Direction
  /// The types of the inputs as the layer sees them, with the symbolic batch.
  let inputTypes: [TensorType]
  /// In the order of `ForeignArguments`; −1 for a tensor that the layer does not want.
  var inputs: [TensorID]
  var outputs: [TensorID]
  var parameters: [TensorID]
  var saved: [TensorID]
  var outputGradients: [TensorID] = []

  func adds(to destination: Int) -> Bool { direction == .backward }
  /// A forward writes all of its outputs.
  var writesWhatIsWanted: Bool { direction == .backward }

  func workspace(_ op: Op, _ sizes: Sizes) throws(DenpaError) -> Int {
    try layer.workspace(inputTypes.map { $0.withRows(sizes.rows) })
  }

  /// Nobody knows.
  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 0 }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    let plan = lowering.plan
    let node = plan.graph.nodes[op.node]
    let rows = lowering.sizes.rows
    let inputTypes = inputTypes.map { $0.withRows(rows) }
    let outputTypes = node.outputs.map { plan.graph.values[$0].type }.map { type in
      TensorType(type.dtype.isFloat ? plan.dtype : type.dtype, type.shape.withRows(rows))
    }
    let prepared: PreparedForeignCall
    let kept: [TensorType]
    let workspace: UnsafeMutableRawPointer?
    do {
      kept = plan.mode == .infer ? [] : try layer.saved(inputTypes)
      try checkPlanned(kept, plan, rows)
      workspace = try lowering.workspace(op)
      prepared = try layer.prepare(
        ForeignCall(
          node: node.name, nodeIndex: op.node, backward: direction == .backward, rows: rows,
          inputs: inputTypes,
          outputs: outputTypes, parameters: parameters.map { lowering.sizes.type($0) }, saved: kept))
    } catch {
      throw error.inside("\(node.kind) \"\(node.name)\"")
    }
    let context = lowering.keep(prepared.context)
    var tensors = inputs + outputs + parameters + saved
    if direction == .backward { tensors += outputGradients + op.writes.map { $0?.tensor ?? -1 } }
    let pointers = try lowering.reserve(UnsafeMutableRawPointer?.none, count: tensors.count)
    let accumulate = try lowering.reserve(Int32(0), count: direction == .backward ? op.writes.count : 0)
    for (position, tensor) in tensors.enumerated() where tensor >= 0 {
      lowering.place(tensor, UnsafeMutableRawPointer(pointers + position))
    }
    let firstSaved = inputs.count + outputs.count + parameters.count
    for (index, tensor) in saved.enumerated() {
      pointers[firstSaved + index] = lowering.memory(of: tensor, byteCount: kept[index].byteCount)
    }
    if direction == .backward {
      for (position, destination) in op.writes.enumerated() {
        if let destination { lowering.setMode(accumulate + position, destination) }
      }
    }
    try lowering.emit(
      prepared.step,
      ForeignArguments(
        context: context, pointers: pointers, pointerCount: tensors.count, accumulate: accumulate,
        workspace: workspace), [])
    guard direction == .backward else { return }
    for destination in op.writes {
      guard let destination, let flag = lowering.flag(destination) else { continue }
      var arguments = FiniteArguments()
      arguments.count = lowering.sizes.count(destination.tensor)
      arguments.flag = flag
      try lowering.emit(
        lowering.sizes.kernels[.finite], arguments, [(\FiniteArguments.x, destination.tensor)])
    }
  }

  /// Checks that what the layer keeps is not larger than with the largest batch, for which memory is laid
  /// out.
  private func checkPlanned(_ kept: [TensorType], _ plan: Plan, _ rows: Int) throws(DenpaError) {
    guard kept.count == saved.count else {
      throw DenpaError(
        .layerFailed,
        "it saves \(kept.count) tensors with \(rows) rows and \(saved.count) with \(plan.maximumRows): \(Lowering.growth)"
      )
    }
    for (index, type) in kept.enumerated() {
      let planned = plan.tensors[saved[index]].type.byteCount
      guard type.byteCount <= planned else {
        throw DenpaError(
          .layerFailed,
          "saved tensor \(index) has \(type.byteCount) bytes with \(rows) rows and \(planned) with \(plan.maximumRows): \(Lowering.growth)"
        )
      }
    }
  }

  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    let left = context.takeForeign()
    return DenpaError(left.status == .ok ? .layerFailed : left.status, "\(context.node): \(left.message)")
  }
}

/// The error that a foreign step leaves when it fails.
public struct ForeignFailure: Sendable {
  public var status = Status.layerFailed
  public var message = Message()
  public init() {}
}

extension Recipe {
  /// Appends the forward call of a foreign layer.
  public func callForward(_ layer: some ForeignLayer) throws(DenpaError) {
    let call = try foreign(layer, .forward)
    builder.ops.append(
      Op(
        call, node: node, reads: call.inputs + call.parameters,
        writes: (call.outputs + call.saved).map { Destination(tensor: $0) }))
  }

  /// Appends the backward call of a foreign layer.
  public func callBackward(_ layer: some ForeignLayer) throws(DenpaError) {
    var call = try foreign(layer, .backward)
    call.outputGradients = builder.graph.nodes[node].outputs.map { builder.gradientSource($0, reader: node) }
    let needs = layer.needs
    if !needs.outputs { call.outputs = call.outputs.map { _ in -1 } }
    if !needs.inputs { call.inputs = call.inputs.map { _ in -1 } }
    var taken = Set<TensorID>()
    var merged: [(own: TensorID, gradient: TensorID)] = []
    let inputGradients = builder.graph.nodes[node].inputs.map { value -> Destination? in
      guard builder.needsGradient[value] else { return nil }
      let gradient = builder.gradientDestination(value, from: node)
      if taken.insert(gradient).inserted { return Destination(tensor: gradient) }
      // A value that is an input twice gets memory for each of its gradients, because a callback may write
      // them in any order.
      let own = builder.add(
        builder.tensors[gradient].type, .temporary, node: node, label: "gradient of an input")
      merged.append((own, gradient))
      return Destination(tensor: own)
    }
    let parameterGradients = builder.graph.nodes[node].parameters.map { parameter -> Destination? in
      parameter.role == .trained
        ? Destination(tensor: builder.parameterGradientTensor(node, parameter.name)) : nil
    }
    let reads = call.inputs + call.outputs + call.parameters + call.saved + call.outputGradients
    builder.ops.append(
      Op(call, node: node, reads: reads.filter { $0 >= 0 }, writes: inputGradients + parameterGradients))
    for (own, gradient) in merged { copy(Tensor(id: own), into: Tensor(id: gradient)) }
  }

  private func foreign(_ layer: some ForeignLayer, _ direction: Direction) throws(DenpaError)
    -> ForeignOperation
  {
    let graphNode = builder.graph.nodes[node]
    let given = graphNode.inputs.map { builder.tensors[builder.valueTensors[$0]].type }
    let inputTypes = try graphNode.spec?.handedOver(given) ?? given
    let inputs = graphNode.inputs.enumerated().map { index, value in
      handedOver(builder.valueTensors[value], inputTypes[index], graphNode.spec?.proved ?? [], index)
    }
    var saved: [TensorID] = []
    if builder.trains {
      // The types of what is saved may depend on the batch: they are computed for the largest batch, and
      // again when arguments are made.
      for (index, type) in try layer.saved(inputTypes.map { $0.withRows(builder.maximumRows) }).enumerated() {
        saved.append(builder.savedTensor(node, "saved \(index)", type))
      }
    }
    return ForeignOperation(
      layer: layer, direction: direction, inputTypes: inputTypes, inputs: inputs,
      outputs: graphNode.outputs.map { builder.valueTensors[$0] },
      parameters: graphNode.parameters.map { builder.parameterTensor(node, $0.name) }, saved: saved)
  }

  /// Returns the tensor that is passed to the layer for an input. Integers are converted to the dtype that
  /// was proved, and class numbers are checked, because callbacks use them as indices.
  private func handedOver(_ tensor: TensorID, _ type: TensorType, _ proved: [ProvedInput], _ index: Int)
    -> TensorID
  {
    let areClasses = proved.indices.contains(index) && proved[index].areClasses
    guard !type.dtype.isFloat, areClasses || type.dtype != builder.tensors[tensor].type.dtype else {
      return tensor
    }
    let (own, isNew) = builder.ownInput(node, index, type)
    if isNew {
      let operation = IntegersOperation(classes: areClasses ? shape(input(0)).last ?? 1 : nil)
      builder.ops.append(Op(operation, node: node, reads: [tensor], to: own))
    }
    return own
  }
}
