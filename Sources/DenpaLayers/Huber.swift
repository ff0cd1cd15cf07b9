import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Huber's loss: E = mean of ½d² for |d| ≤ δ, else δ·(|d| − ½δ), with d = y − t; dy = d, confined to ±δ
///
/// Shapes, reduction and integer targets as in `MeanSquaredError`. δ is the `delta`. Outliers count linearly.
/// With δ = 1 it is the smooth L1 loss. Huber, 1964.
public struct Huber: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "huber",
    "Half the squared error, but outliers count linearly: E = mean ½d² for |d| ≤ δ, else δ·(|d| − ½δ).",
    "y any shape, t like y, d = y − t. Huber, 1964.",
    attributes: [
      AttributeSpec(
        "delta", .float, default: .float(1), minimum: 1e-6, maximum: 1e6,
        "δ, the difference from which on the loss is linear.")
    ],
    samples: [[], [NamedAttribute("delta", .float(0.5))]],
    avoid: [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2], targets: [-1, 0, 1])
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(.huber, alpha: attributes.float("delta"), attributes)
  }
}
