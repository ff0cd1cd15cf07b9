import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Focal loss from logits: p = σ(x), E = mean of −t·(1 − p)^γ·log p − (1 − t)·p^γ·log(1 − p);
/// dx = (1 − t)·p^γ·(p − γ·(1 − p)·log(1 − p)) − t·(1 − p)^γ·(1 − p − γ·p·log p)
///
/// Shapes, targets and reduction as in `SigmoidCrossEntropy`, which it is for γ = 0. γ is the `gamma`: what
/// is right already counts less. Lin et al., "Focal Loss for Dense Object Detection", 2017.
public struct Focal: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "focal",
    "A binary cross-entropy of logits in which easy cases count less: E = mean −t·(1 − p)^γ·log p − (1 − t)·p^γ·log(1 − p), p = σ(x).",
    "x any shape, logits; t like x, 0 … 1. Lin et al., 2017.", prediction: "x",
    attributes: [
      AttributeSpec(
        "gamma", .float, default: .float(2), minimum: 0, maximum: 100,
        "γ; with 0 it is sigmoid_cross_entropy.")
    ],
    samples: [[], [NamedAttribute("gamma", .float(0.5))]], range: -3...3, targets: [0, 1, 1, 0, 0.25],
    decisions: .elements, fromLogits: true)
  let loss: ElementLoss

  public init(_ attributes: Attributes) {
    loss = ElementLoss(.focal, alpha: attributes.float("gamma"), attributes)
  }
}
