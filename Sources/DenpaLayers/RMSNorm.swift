import DenpaCore
import DenpaGraph

/// RMSNorm: y = gamma·x̂, x̂ = x/√(mean(x²) + epsilon), with the mean of each sample over `axis` and all axes
/// behind it
///
/// Shapes: x (rows, …), y like x; gamma has the extents of these axes. Errors: axes that do not exist, integers.
/// Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019.
public struct RMSNorm: AxisNorm {
  public static let spec = LayerSpec(
    kind: "rms_norm",
    summary: "Scales each sample over its last axes: y = gamma*x/sqrt(mean(x^2) + epsilon).",
    details:
      "x (rows, …) → y of the same shape; gamma has the extents of the axes. Zhang & Sennrich, 2019.",
    parameters: ["gamma"],
    attributes: [
      Axis.attribute(default: -1, "The first of the axes: it and all behind it are scaled together."),
      AttributeSpec(
        "epsilon", .float, default: .float(1e-5), minimum: 0, maximum: 1, "Added to the mean of the squares."),
      AttributeSpec("scale", .bool, default: .bool(true), "Whether gamma is there."),
    ],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample([NamedAttribute("axis", .int(1))], inputs: [TensorType(.float32, [3, 4, 17])]),
      Sample([NamedAttribute("scale", .bool(false))], inputs: [TensorType(.float32, [2, 3, 6])]),
    ])

  static let centers = false

  let axis: Int
  let epsilon: Double
  let hasGamma: Bool
  let hasBeta = false

  public init(_ attributes: Attributes) {
    axis = attributes.int("axis")
    epsilon = attributes.float("epsilon")
    hasGamma = attributes.bool("scale")
  }
}
