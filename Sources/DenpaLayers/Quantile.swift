import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Quantile (pinball) loss: E = mean of q·(t − y) for y < t, else (1 − q)·(y − t); dy = −q for y < t, 1 − q
/// for y > t, 0 where they are equal
///
/// Shapes, reduction and integer targets as in `MeanSquaredError`. q is the `q`: the minimum is the
/// q-quantile of the targets, for ½ the median (½ the absolute error). Koenker & Bassett, 1978.
public struct Quantile: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "quantile",
    "Its minimum is a quantile of the targets: E = mean q·(t − y) for y < t, else (1 − q)·(y − t).",
    "y any shape, t like y. Koenker & Bassett, 1978.",
    attributes: [
      AttributeSpec("q", .float, default: .float(0.5), minimum: 0, maximum: 1, "The quantile, 0 … 1.")
    ],
    samples: [[], [NamedAttribute("q", .float(0.9))]], avoid: [-1, 0, 1], targets: [-1, 0, 1])
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(.quantile, alpha: attributes.float("q"), attributes)
  }
}
