import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Hinge loss: E = mean of max(0, 1 − t·y); dy = −t for t·y < 1, else 0
///
/// Shapes and reduction as in `MeanSquaredError`; y are scores, t is −1 or 1 (not 0 and 1: a target of 0 has
/// no gradient). The loss of support vector machines. Cortes & Vapnik, 1995.
public struct Hinge: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "hinge", "Scores on the right side of the margin cost nothing: E = mean max(0, 1 − t·y).",
    "y any shape, scores; t like y, −1 or 1. Cortes & Vapnik, 1995.", avoid: [-1, 1], targets: [1, -1, -1],
    decisions: .elements, fromLogits: true)
  let loss: ElementLoss

  public init(_ attributes: Attributes) { loss = ElementLoss(.hinge, attributes) }
}
