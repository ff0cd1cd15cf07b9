import DenpaCore
import DenpaGraph

/// Mean squared error: E = Σ (y − t)² / count; dy = 2 (y − t) / count; with `half` ½ of both
///
/// Shapes: y any, t like y; (rows,) and (rows, 1) are equal, nothing is broadcast. E: one number (`reduction`
/// mean: over all elements, batch_mean: summed per sample, averaged over samples, sum), or one per sample
/// (none: summed over its elements). Integer targets are converted. The targets get no gradient.
public struct MeanSquaredError: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "mean_squared_error", role: .loss, summary: "The mean of squared differences: E = mean (y − t)².",
    details: "y any shape, t like y, where (rows,) and (rows, 1) are equal; nothing is broadcast.",
    inputs: ["y", "t"], outputs: ["loss"],
    attributes: [
      AttributeSpec("half", .bool, default: .bool(false), "½ of it, so that dy = (y − t) / count."),
      Losses.reduction,
    ],
    rowsIndependent: false,
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5]), TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("half", .bool(true)), NamedAttribute("reduction", .string("batch_mean"))],
        inputs: [TensorType(.float32, [3, 2, 2]), TensorType(.float32, [3, 2, 2])]),
      Sample(
        [NamedAttribute("reduction", .string("sum"))],
        inputs: [TensorType(.float32, [4, 1]), TensorType(.float32, [4])]),
      Sample(
        [NamedAttribute("reduction", .string("none"))],
        inputs: [TensorType(.float32, [4, 3]), TensorType(.float32, [4, 3])]),
    ])

  let factor: Double
  let reduction: Reduction

  public init(_ attributes: Attributes) {
    factor = attributes.bool("half") ? 0.5 : 1
    reduction = Losses.reduction(attributes)
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try Losses.checkValues(try inputs[0].requireFloat("y"), try inputs[1].requireFloat("t"))
    return Losses.output(inputs[0], reduction)
  }

  public func forward(_ r: Recipe) {
    r.squaredError(r.input(0), r.input(1), factor: factor, reduction, into: r.output(0))
  }

  public func backward(_ r: Recipe) {
    r.squaredErrorGradient(r.input(0), r.input(1), factor: factor, reduction, r.dOutput(0), into: r.dInput(0))
  }
}
