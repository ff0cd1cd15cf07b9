import DenpaCore
import DenpaGraph

/// Sharpness-aware minimization: the gradient of a step is computed at w + radius·g / ‖g‖, where the loss of
/// the neighbourhood is largest in first order, so that flat minima are preferred. Each step runs the batch
/// twice. Source: Foret et al., 2021.
final class Sharpness {
  private let radius: Double
  private let vector: TrainedVector
  private let formerWeights: Buffer
  private var states: LayerStates

  init(
    radius: Double, _ vector: TrainedVector, _ parameters: [Parameter], _ layout: ParameterLayout
  ) throws(DenpaError) {
    self.radius = radius
    self.vector = vector
    formerWeights = try layout.makeBuffer(zeroed: true, "the weights before a step")
    states = try LayerStates(parameters, layout)
  }

  /// Replaces the gradient of the batch at the weights by that at their neighbours. `run` runs the batch again.
  /// Weights and layers' states are those from before, whether it fails or not.
  func replace(
    _ gradient: UnsafeRawPointer, _ weights: UnsafeMutableRawPointer, _ run: () throws(DenpaError) -> Void
  ) throws(DenpaError) {
    let norm = vector.dot(gradient, gradient).squareRoot()
    guard norm > 0 else { return }
    vector.copy(weights, to: formerWeights.base)
    vector.add(radius / norm, times: gradient, to: weights)
    states.keep(from: weights)
    defer {
      vector.copy(formerWeights.base, to: weights)
      states.restore(to: weights)
    }
    try run()
  }
}

extension Trainer {
  /// Computes the gradient of a bound batch that has just run once more, at the neighbouring weights.
  @inline(never)
  func sharpen(_ sharpness: Sharpness, _ executor: Executor, _ rows: Int) throws(DenpaError) {
    var flagged: Int?
    var isFinite = true
    do throws(DenpaError) {
      try sharpness.replace(gradients.base, weights.base) { () throws(DenpaError) in
        try executor.execute(rows: rows, parameters: weights.base, draw: forwardCount)
        flagged = executor.takeFlagged()
        isFinite = executor.loss.isFinite && flagged == nil
        if !executor.isComplete { executor.clearUnreachedGradients() }
      }
    } catch {
      takeBack(executor)
      throw error
    }
    guard isFinite else {
      states.restore(to: weights.base)
      zeroGradients()
      throw DenpaError(
        .notFinite,
        "step \(stepCount): loss or gradient are not finite at sam_radius from the weights; the step was not taken, the weights are those before it"
      )
    }
  }
}
