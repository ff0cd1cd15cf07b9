import DenpaCore
import DenpaGraph

extension Trainer {
  /// Runs a batch with the trainer's weights and keeps every value. With targets, or losses that take none,
  /// the losses are computed, and in training the gradients. Nothing of the trainer changes: in training,
  /// layers draw the random numbers of the next forward.
  public func observe(
    _ inputs: TensorList, _ targets: TensorList, training: Bool
  ) throws(DenpaError) -> Observation {
    let computesLoss = targets.count > 0 || (!options.losses.isEmpty && lossTensors.targetCount == 0)
    guard !computesLoss || !options.losses.isEmpty else {
      throw DenpaError(.badState, "the trainer has no loss: give one when it is made, or no targets here")
    }
    let sizes = try model.sizes(of: inputs.views)
    var request = PlanRequest(training ? .observe : .infer, maximumRows: sizes.rows, threads: options.threads)
    request.trainable = parameters.map(\.isTrained)
    if computesLoss {
      request.losses = options.losses
      request.targets = try targetTypes(targets.views, sizes, isSample: isSample(inputs.views))
    }
    let parameters = try model.layout.makeBuffer(zeroed: false, "a copy of the parameters")
    model.layout.copy(weights.base, to: parameters.base)
    return try Observation(
      model, request, parameters: parameters, inputs: inputs, targets: targets, step: stepCount,
      draw: training ? forwardCount : 0)
  }
}
