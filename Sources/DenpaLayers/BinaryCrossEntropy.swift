import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Binary cross-entropy of probabilities: E = mean of −t·log(y + ε) − (1 − t)·log(1 − y + ε);
/// dy = (1 − t) / (1 − y + ε) − t / (y + ε)
///
/// Shapes and reduction as in `MeanSquaredError`: each element is a separate question (multi-label). y are
/// probabilities (after a sigmoid), t 0 … 1; integers are converted. ε is the `epsilon`, 0 by default. A
/// weight t or 1 − t of 0 makes its term 0, so y = t = 0 and y = t = 1 cost nothing; a wrong certainty
/// without ε costs infinity, which `sigmoid_cross_entropy` avoids. Good, 1952.
public struct BinaryCrossEntropy: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "binary_cross_entropy",
    "How far probabilities are from yes and no: E = mean −t·log(y + epsilon) − (1 − t)·log(1 − y + epsilon).",
    "y any shape, probabilities (after a sigmoid); t like y, 0 … 1; several labels a row may be 1.",
    attributes: [ElementLosses.epsilon], samples: [[], [NamedAttribute("epsilon", .float(1e-3))]],
    range: 0.05...0.95, targets: [0, 1, 1, 0, 0.25], decisions: .elements)
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(.binaryCrossEntropy, alpha: attributes.float("epsilon"), attributes)
  }
}
