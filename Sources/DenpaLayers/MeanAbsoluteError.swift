import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Mean absolute error: E = Σ |y − t| / count; dy = sign(y − t) / count, 0 where they are equal
///
/// Shapes, reduction and integer targets as in `MeanSquaredError`. Laplace, 1774; its minimum is the median.
public struct MeanAbsoluteError: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "mean_absolute_error", "The mean of absolute differences: E = mean |y − t|.",
    "y any shape, t like y, where (rows,) and (rows, 1) are equal; nothing is broadcast.",
    avoid: [-1, 0, 1], targets: [-1, 0, 1])
  let loss: ElementLoss

  public init(_ attributes: Attributes) { loss = ElementLoss(.absoluteError, attributes) }
}
