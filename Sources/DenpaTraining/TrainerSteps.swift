import DenpaCore
import DenpaGraph

extension Trainer {
  /// One step of the optimizer with the gradients that there are, whoever wrote them.
  public func step() throws(DenpaError) {
    guard hasOptimizer else {
      throw DenpaError(.badState, "the trainer has no optimizer: give one when it is made")
    }
    if let name = firstGradientNotFinite() {
      throw DenpaError(
        .notFinite,
        "step \(stepCount): the gradient of \"\(name)\" is not finite; the step was not taken: compute the gradients anew or zero them"
      )
    }
    try applyOptimizer()
  }

  public func zeroGradients() {
    model.layout.clear(gradients.base)
    // The zeros are something to add to: what the caller writes into a gradient before the next backward
    // counts.
    hasGradients = true
  }

  // MARK: Parameters

  public func publish() throws(DenpaError) { try model.publish(weights.base) }

  public func refresh() {
    openForward = nil
    model.copyParameters(to: weights.base)
  }

  public func gradientView(_ name: String) throws(DenpaError) -> TensorView {
    let index = try model.parameterIndex(name)
    guard parameters[index].isTrained else {
      throw DenpaError(.notFound, "parameter \"\(name)\" is not trained, so it has no gradient")
    }
    return TensorView(gradients.base + model.layout.offsets[index], parameters[index].type)
  }

  /// What the optimizer keeps of a parameter, writable: "first" or "second" of Adam.
  public func optimizerStateView(_ name: String, of parameter: String) throws(DenpaError) -> TensorView {
    guard let optimization else { throw DenpaError(.badState, "the trainer has no optimizer") }
    let index = try model.parameterIndex(parameter)
    return try optimization.view(name, of: index, parameters[index])
  }

  // MARK: Numbers that are not finite

  /// Says where they began: the plan runs once more with every value kept. The step is taken back.
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
