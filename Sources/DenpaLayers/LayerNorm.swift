import DenpaCore
import DenpaGraph

/// LayerNorm: y = gamma·x̂ + beta, x̂ = (x − μ)/√(σ² + epsilon), with the mean μ and the variance σ² of each
/// sample over `axis` and all axes behind it
///
/// Shapes: x (rows, …), y like x; gamma and beta have the extents of these axes. σ² divides by their number.
/// Errors: axes that do not exist, integers. Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.
public struct LayerNorm: AxisNorm {
  public static let spec = LayerSpec(
    kind: "layer_norm",
    summary:
      "Standardizes each sample over its last axes: y = gamma*(x - mean)/sqrt(variance + epsilon) + beta.",
    details:
      "x (rows, …) → y of the same shape; gamma and beta have the extents of the axes. Ba, Kiros & Hinton, 2016.",
    parameters: ["gamma", "beta"],
    attributes: [
      Axis.attribute(default: -1, "The first of the axes: it and all behind it are standardized together.")
    ] + Affine.attributes,
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("axis", .int(1)), NamedAttribute("center", .bool(false))],
        inputs: [TensorType(.float32, [3, 4, 17])]),
      Sample([NamedAttribute("scale", .bool(false))], inputs: [TensorType(.float32, [2, 3, 6])]),
    ])

  static let centers = true

  let axis: Int
  let epsilon: Double
  let hasGamma: Bool
  let hasBeta: Bool

  public init(_ attributes: Attributes) {
    axis = attributes.int("axis")
    epsilon = attributes.float("epsilon")
    hasGamma = attributes.bool("scale")
    hasBeta = attributes.bool("center")
  }
}
