import DenpaCore
import DenpaGraph

/// Cross-entropy of probabilities: E = −Σ t·log(y + epsilon); dy = −t / (y + epsilon)
///
/// Shapes: y (rows, …, classes) with rows that sum to 1 (after a softmax); t class indices (rows, …) or
/// (rows, …, 1) of any integer dtype, or probabilities in y's shape. E: one number (`reduction` mean: over
/// rows), or one per row. epsilon, inside the log, is 0 by default and never fused away; at 0 a preceding
/// softmax is computed together with the loss. The targets get no gradient.
public struct CrossEntropy: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "cross_entropy", role: .loss,
    summary: "How far probabilities are from the right classes: E = −Σ t·log(y + epsilon).",
    details:
      "y (rows, …, classes), probabilities; t class numbers (rows, …) or probabilities like y. mean: over rows.",
    inputs: ["y", "t"], outputs: ["loss"],
    attributes: [
      AttributeSpec(
        "epsilon", .float, default: .float(0), minimum: 0, maximum: 1, "Added to y inside the log.")
    ] + ClassLosses.attributes + [Losses.reduction],
    rowsIndependent: false, classTargets: true, averagesRows: true, decisions: .classes,
    samples: Losses.classSamples + ClassLosses.samples + [
      Sample(
        [NamedAttribute("epsilon", .float(1e-3))],
        inputs: [TensorType(.float32, [4, 5]), TensorType(.int64, [4])], range: 0.05...1, classes: 5,
        distributions: [0]
      )
    ])

  let epsilon: Double
  let reduction: Reduction
  let targets: ClassTargets?

  public init(_ attributes: Attributes) throws(DenpaError) {
    epsilon = attributes.float("epsilon")
    reduction = Losses.reduction(attributes)
    targets = try ClassLosses.targets(attributes)
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try Losses.checkClasses(try inputs[0].requireFloat("y"), inputs[1])
    try ClassLosses.check(targets, inputs[0])
    return Losses.output(inputs[0], reduction)
  }

  public func forward(_ r: Recipe) {
    r.crossEntropy(
      r.input(0), ClassLosses.forward(r, targets, reduction), epsilon: epsilon, reduction, probabilities: nil,
      into: r.output(0))
  }

  public func backward(_ r: Recipe) {
    r.crossEntropyGradient(
      r.input(0), ClassLosses.backward(r, targets), fromLogits: false, epsilon: epsilon, reduction,
      r.dOutput(0), into: r.dInput(0))
  }
}
