import DenpaCore

/// One run of a batch of which every value and every gradient is kept. It has a copy of all that it needs: it
/// changes nothing, and nothing that happens later changes it.
public final class Observation: @unchecked Sendable {
  public let model: Model
  public let rows: Int
  /// Whether the batch was one sample without the batch axis.
  public let isSample: Bool
  public let isTraining: Bool
  /// Whether losses were computed, and gradients.
  public let hasLoss: Bool
  public let hasGradients: Bool
  /// The number of steps after which the parameters were as they are here.
  public let step: Int64
  public let executor: Executor
  public var plan: Plan { executor.plan }
  public let kept: KeptTensors
  private let isTrained: [Bool]
  /// The parameters as they were before the run, which changes the states of layers.
  private let parameters: Buffer
  private let gradients: Buffer

  /// Runs a batch with `parameters`, which are the observation's own from then on. `request` has everything
  /// but the sizes.
  public init(
    _ model: Model, _ given: PlanRequest, parameters: Buffer, inputs: TensorList, targets: TensorList,
    step: Int64 = 0, draw: UInt64 = 0
  ) throws(DenpaError) {
    let sizes = try model.sizes(of: inputs.views)
    var request = given
    request.maximumRows = sizes.rows
    request.extents = sizes.extents
    request.keepsAll = true
    let plan = try Plan(model, request)
    guard let kept = plan.kept else { throw DenpaError(.internalError, "a plan did not keep its values") }
    gradients = try model.layout.makeBuffer(zeroed: true, "gradients")
    executor = try Executor(plan, model: model, gradients: gradients)
    self.model = model
    rows = sizes.rows
    isSample = inputs.count > 0 && inputs[0].isSample(of: model.graph.values[model.graph.inputs[0]].type)
    isTraining = request.mode != .infer
    hasLoss = !request.losses.isEmpty
    hasGradients = isTraining && hasLoss
    self.step = step
    self.kept = kept
    self.parameters = parameters
    isTrained = request.trainable ?? model.parameters.map(\.isTrained)
    try executor.check(inputs, targets: targets, rows: rows)
    try executor.bind(inputs, targets, rows: rows)
    for (slot, description) in plan.slots.enumerated() {
      try executor.keep(slot, elements: description.type.withRows(rows).shape.count)
    }
    if rows > 0 {
      let changed = try model.layout.makeBuffer(zeroed: false, "a copy of the parameters")
      model.layout.copy(parameters.base, to: changed.base)
      try executor.execute(
        rows: rows, parameters: changed.base, part: hasGradients ? .all : .forward, training: isTraining,
        draw: draw)
    } else {
      // No sample has no loss, and no value either.
      try executor.prepare(rows: 0)
      for loss in plan.losses {
        executor.values(of: loss.tensor)?.initializeMemory(as: UInt8.self, repeating: 0, count: dtypeSize)
      }
    }
    try checkMemory("a trace")
  }

  private var dtypeSize: Int { plan.dtype.size }

  /// The weighted sum of the losses.
  public var loss: Double { executor.loss }

  /// A view of a tensor of the plan, with the batch in front; without memory if there are no elements.
  public func view(_ tensor: TensorID) -> TensorView {
    let type = plan.tensors[tensor].type.withRows(rows)
    return TensorView(type.shape.count > 0 ? executor.values(of: tensor) : nil, type)
  }

  public func parameter(_ number: Int) -> TensorView {
    TensorView(parameters.base + model.layout.offsets[number], model.parameters[number].type)
  }

  /// The gradient with respect to a parameter; nil if it is not trained, or nothing is differentiated.
  public func parameterGradient(_ number: Int) -> TensorView? {
    guard hasGradients, isTrained[number] else { return nil }
    return TensorView(gradients.base + model.layout.offsets[number], model.parameters[number].type)
  }
}

extension Model {
  /// Runs a batch with the published parameters, and keeps every value. Without losses there are no
  /// gradients.
  public func observe(_ inputs: TensorList, training: Bool, threads: Int32) throws(DenpaError) -> Observation
  {
    try Observation(
      self, PlanRequest(training ? .observe : .infer, maximumRows: 0, threads: threads),
      parameters: try snapshot(), inputs: inputs,
      targets: TensorList(UnsafeBufferPointer(start: nil, count: 0)))
  }
}
