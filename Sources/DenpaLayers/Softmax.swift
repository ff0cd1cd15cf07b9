import DenpaCore
import DenpaGraph

/// Softmax: yᵢ = e^(xᵢ − max x) / Σⱼ e^(xⱼ − max x) along an axis; dx = y ∘ (dy − Σ dy∘y)
///
/// Shapes: x (rows, …), y like x; y sums to 1 along `axis`, the last one by default. Always shifted by the
/// maximum, so it never overflows. Errors: x without an axis after the batch, an axis that does not exist or is
/// the batch. Source: Bridle, 1990.
public struct Softmax: SoftmaxLayer {
  public static let spec = LayerSpec(
    kind: "softmax", summary: "Turns each row into probabilities: y = e^x / Σ e^x along an axis.",
    details: "x (rows, …) → y of the same shape. Shifted by the maximum. Bridle, 1990.",
    attributes: SoftmaxAxis.attributes, samples: SoftmaxAxis.samples)

  let axis: Int

  public init(_ attributes: Attributes) { axis = attributes.int("axis") }

  public func forward(_ r: Recipe) throws(DenpaError) {
    r.softmax(try lastAxis(r, of: r.x), into: try lastAxis(r, of: r.y))
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    r.softmaxGradient(
      at: try lastAxis(r, of: r.y), try lastAxis(r, of: r.dy), into: try lastAxis(r, of: r.dx))
  }
}

/// Shared by softmax and its logarithm: the axis along which they compute.
enum SoftmaxAxis {
  static let attributes = [
    Axis.attribute(default: -1, "Along which axis; not 0, the batch. The last one is the fastest.")
  ]

  static let samples = [
    Sample(inputs: [TensorType(.float32, [4, 5])]),
    Sample(inputs: [TensorType(.float32, [2, 3, 19])], range: -5...5),
    Sample([NamedAttribute("axis", .int(1))], inputs: [TensorType(.float32, [3, 4, 2, 5])]),
  ]
}

protocol SoftmaxLayer: BuiltInLayer {
  var axis: Int { get }
}

extension SoftmaxLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let type = try inputs[0].requireFloat("x")
    guard type.shape.rank >= 2 else {
      throw DenpaError(.badShape, "expected x of shape (rows, classes), got \(type.shape)")
    }
    _ = try Axis.resolve(axis, rank: type.shape.rank)
    return [type]
  }

  /// The tensor with the axis as its last one: itself, or a view, which the plan copies for the kernels.
  func lastAxis(_ r: Recipe, of tensor: Tensor) throws(DenpaError) -> Tensor {
    let rank = r.shape(tensor).rank
    let axis = try Axis.resolve(axis, rank: rank)
    return axis == rank - 1 ? tensor : r.permute(tensor, (0..<rank).filter { $0 != axis } + [axis])
  }
}
