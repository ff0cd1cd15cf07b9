import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Squared hinge loss: E = mean of max(0, 1 − t·y)²; dy = −2t·max(0, 1 − t·y)
///
/// Shapes and reduction as in `MeanSquaredError`; y are scores, t is −1 or 1, as in `Hinge`. Tang, "Deep
/// Learning using Linear Support Vector Machines", 2013.
public struct SquaredHinge: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "squared_hinge", "The square of the hinge loss, without its corner: E = mean max(0, 1 − t·y)².",
    "y any shape, scores; t like y, −1 or 1. Tang, 2013.", avoid: [-1, 1], targets: [1, -1, -1],
    decisions: .elements, fromLogits: true)
  let loss: ElementLoss

  public init(_ attributes: Attributes) { loss = ElementLoss(.squaredHinge, attributes) }
}
