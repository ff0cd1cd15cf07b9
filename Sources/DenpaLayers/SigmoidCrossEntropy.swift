import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Binary cross-entropy from logits: p = σ(x), E = mean of −w·t·log p − (1 − t)·log(1 − p);
/// dx = (1 − t)·p − w·t·(1 − p)
///
/// Shapes and reduction as in `MeanSquaredError`: each element is a separate question (multi-label). x are
/// any numbers, t 0 … 1; integers are converted. w is the `positive_weight`, 1 by default: above 1 a missed
/// yes costs more than a wrong one, for labels that are rare. Computed as |x|·(t or 1 − t) + log(1 + e^−|x|), so logits of
/// any size are safe and nothing cancels. Good, 1952; the form: Cox, 1958.
public struct SigmoidCrossEntropy: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "sigmoid_cross_entropy",
    "Binary cross-entropy of the sigmoid of logits: E = mean −w·t·log σ(x) − (1 − t)·log(1 − σ(x)).",
    "x any shape, logits; t like x, 0 … 1; several labels a row may be 1. It never overflows.",
    prediction: "x",
    attributes: [
      AttributeSpec(
        "positive_weight", .float, default: .float(1), minimum: 0, maximum: 1e30,
        "How much a target of 1 counts beside one of 0.")
    ],
    samples: [[], [NamedAttribute("positive_weight", .float(3))]], range: -3...3,
    targets: [0, 1, 1, 0, 0.25], decisions: .elements, fromLogits: true)
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(
      .sigmoidCrossEntropy, alpha: attributes.float("positive_weight"), attributes)
  }
}
