import DenpaCore
import DenpaGraph

extension Trainer {
  public var outputCount: Int { model.outputs.count }

  /// The number of tensors that belong to a batch besides its inputs, of which a caller passes `count`: the
  /// weights of samples may be left out.
  public func targetCount(given count: Int) -> Int {
    count == lossTensors.targetCount ? count : lossTensors.all.count
  }

  /// Takes a step of the optimizer with the existing gradients, whoever wrote them.
  public func step() throws(DenpaError) {
    guard hasOptimizer else {
      throw DenpaError(.badState, "the trainer has no optimizer: give one when it is made")
    }
    guard optimization?.searching == nil else {
      throw DenpaError(
        .badState,
        "the optimizer \"\(options.optimizer?.kind ?? "")\" evaluates the loss itself: train with batches, not with gradients"
      )
    }
    if let name = firstGradientNotFinite() {
      throw DenpaError(
        .notFinite,
        "step \(stepCount): the gradient of \"\(name)\" is not finite; the step was not taken: compute the gradients anew or zero them"
      )
    }
    try applyOptimizer()
  }

  @inline(never)
  func accumulate() throws(DenpaError) {
    accumulated += 1
    if accumulated >= options.accumulation { try stepWithTheRest() }
  }

  /// Takes a step with the mean of the gradients that wait for one, if there are any.
  func stepWithTheRest() throws(DenpaError) {
    guard accumulated > 0 else { return }
    optimization?.gradients.scale(by: 1 / Double(accumulated), run)
    accumulated = 0
    try applyOptimizer()
  }

  public func zeroGradients() {
    model.layout.clear(gradients.base)
    accumulated = 0
    // The next backward adds to the zeros, so that what the caller writes into a gradient before it counts.
    hasGradients = true
  }

  // MARK: Parameters

  public func publish() throws(DenpaError) { try model.publish(publishedWeights) }

  public func refresh() {
    openForward = nil
    if let average = optimization?.average, average.isPublished(model, weights.base, parameters) { return }
    model.copyParameters(to: weights.base)
    optimization?.average?.restart()
  }

  public func gradientView(_ name: String) throws(DenpaError) -> TensorView {
    let index = try model.parameterIndex(name)
    guard parameters[index].isTrained else {
      throw DenpaError(.notFound, "parameter \"\(name)\" is not trained, so it has no gradient")
    }
    return TensorView(gradients.base + model.layout.offsets[index], parameters[index].type)
  }

  /// Returns a writable view of what the optimizer keeps for a parameter: "first" or "second" for Adam.
  public func optimizerStateView(_ name: String, of parameter: String) throws(DenpaError) -> TensorView {
    guard let optimization else { throw DenpaError(.badState, "the trainer has no optimizer") }
    let index = try model.parameterIndex(parameter)
    return try optimization.view(name, of: index, parameters[index])
  }

  // MARK: Numbers that are not finite

  /// Undoes the step and returns an error that says where NaN or infinity began, which is found by running
  /// the step again with every value kept.
  func notFinite(_ executor: Executor, _ rows: Int, _ flagged: Int?) -> DenpaError {
    states.restore(to: weights.base)
    defer { states.restore(to: weights.base) }
    zeroGradients()
    let kept: Message = "step \(stepCount) was not taken, the weights are those before it"
    if let origin = try? NonFinite.origin(executor, self, rows) {
      return DenpaError(.notFinite, "\(origin); \(kept)")
    }
    guard let flagged else { return DenpaError(.notFinite, "the loss is not finite; \(kept)") }
    return DenpaError(.notFinite, "the gradient of \"\(parameters[flagged].name)\" is not finite; \(kept)")
  }
}
