import DenpaCore
import DenpaGraph

/// GroupNorm: y = gamma·x̂ + beta, x̂ = (x − μ)/√(σ² + epsilon), with the mean μ and the variance σ² of each
/// sample over a group of channels, side by side on the last axis, and all axes before it but the batch
///
/// Shapes: x (rows, …, channels), y like x; gamma and beta (channels). σ² divides by the number of elements. One
/// group is a layer normalization, as many groups as channels an instance normalization. Errors: x without an
/// axis after the batch, channels that the groups do not divide, integers. Source: Wu & He, "Group
/// Normalization", 2018.
public struct GroupNorm: SampleNorm {
  public static let spec = LayerSpec(
    kind: "group_norm",
    summary:
      "Standardizes each sample over groups of channels: y = gamma*(x - mean)/sqrt(variance + epsilon) + beta.",
    details: "x (rows, …, channels) → y of the same shape; gamma and beta (channels). Wu & He, 2018.",
    parameters: ["gamma", "beta"],
    attributes: [
      AttributeSpec(
        "groups", .int, minimum: 1, maximum: 2_147_483_647,
        "Into how many groups the channels are divided.")
    ] + Affine.attributes,
    samples: [
      Sample([NamedAttribute("groups", .int(2))], inputs: [TensorType(.float32, [4, 6])]),
      Sample(
        [NamedAttribute("groups", .int(3)), NamedAttribute("center", .bool(false))],
        inputs: [TensorType(.float32, [3, 2, 4, 12])]),
      Sample(
        [NamedAttribute("groups", .int(1)), NamedAttribute("scale", .bool(false))],
        inputs: [TensorType(.float32, [2, 5, 3])]),
    ])

  static let centers = true

  let groups: Int
  let epsilon: Double
  let hasGamma: Bool
  let hasBeta: Bool

  public init(_ attributes: Attributes) {
    groups = attributes.int("groups")
    epsilon = attributes.float("epsilon")
    hasGamma = attributes.bool("scale")
    hasBeta = attributes.bool("center")
  }

  func affineAxes(_ shape: Shape) throws(DenpaError) -> [Int] { [shape.rank - 1] }

  func grouped(_ shape: Shape) throws(DenpaError) -> (shape: Shape, axes: [Int]) {
    guard shape.rank >= 2 else {
      throw DenpaError(.badShape, "expected x of shape (rows, …, channels), got \(shape)")
    }
    let channels = shape[shape.rank - 1]
    guard channels % groups == 0 else {
      throw DenpaError(.badShape, "\(channels) channels cannot be divided into \(groups) groups")
    }
    let places = (1..<shape.rank - 1).reduce(1) { $0 * shape[$1] }
    return ([shape[0], places, groups, channels / groups], [1, 3])
  }
}
