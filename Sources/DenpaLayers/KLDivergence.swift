import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Kullback–Leibler divergence: E = Σ t·(log t − log(y + ε)); dy = −t / (y + ε)
///
/// Shapes: y (rows, …, classes) with rows that sum to 1 (after a softmax); t in y's shape, rows of
/// probabilities. E: one number (`reduction` mean: over rows, as in `CrossEntropy`), or one per row. A target
/// of 0 makes its term 0. ε is the `epsilon`, 0 by default. Its gradient is that of cross_entropy; its
/// minimum is 0. Kullback & Leibler, 1951.
public struct KLDivergence: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "kl_divergence", "How far distributions are from those wanted: E = Σ t·(log t − log(y + epsilon)).",
    "y (rows, …, classes), probabilities; t like y. mean: over rows. Kullback & Leibler, 1951.",
    attributes: [ElementLosses.epsilon], samples: [[], [NamedAttribute("epsilon", .float(1e-3))]],
    range: 0.05...1, targets: nil, rows: true, distributions: [0, 1])
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(.divergence, alpha: attributes.float("epsilon"), attributes)
  }
}
