import DenpaCore
import DenpaGraph

/// Cross-entropy from logits: p = softmax(x), E = −Σ t·log p; dx = p·Σt − t
///
/// Shapes: x (rows, …, classes), any numbers; t class indices (rows, …) or (rows, …, 1) of any integer dtype,
/// or probabilities in x's shape. E: one number (`reduction` mean: over rows), or one per row. Uses the
/// shifted log-sum-exp, so logits of any size are safe. The targets get no gradient.
public struct SoftmaxCrossEntropy: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "softmax_cross_entropy", role: .loss,
    summary: "Cross-entropy of the softmax of logits: E = −Σ t·log softmax(x).",
    details:
      "x (rows, …, classes), logits; t class numbers (rows, …) or probabilities like x. mean: over rows.",
    inputs: ["x", "t"], outputs: ["loss"], attributes: ClassLosses.attributes + [Losses.reduction],
    rowsIndependent: false,
    classTargets: true, averagesRows: true, decisions: .classes, fromLogits: true,
    samples: (Losses.classSamples + ClassLosses.samples).map { sample in
      var sample = sample
      sample.distributions = sample.distributions.filter { $0 == 1 }
      if sample.distributions.isEmpty { sample.range = -3...3 }
      return sample
    })

  let reduction: Reduction
  let targets: ClassTargets?

  public init(_ attributes: Attributes) throws(DenpaError) {
    reduction = Losses.reduction(attributes)
    targets = try ClassLosses.targets(attributes)
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try Losses.checkClasses(try inputs[0].requireFloat("x"), inputs[1])
    try ClassLosses.check(targets, inputs[0])
    return Losses.output(inputs[0], reduction)
  }

  public func forward(_ r: Recipe) {
    r.crossEntropy(
      r.input(0), ClassLosses.forward(r, targets, reduction), epsilon: 0, reduction,
      probabilities: r.saved("p", like: r.input(0)),
      into: r.output(0))
  }

  public func backward(_ r: Recipe) {
    r.crossEntropyGradient(
      r.saved("p", like: r.input(0)), ClassLosses.backward(r, targets), fromLogits: true, epsilon: 0,
      reduction, r.dOutput(0),
      into: r.dInput(0))
  }
}
