import DenpaCore
import DenpaGraph

/// Softmax: yᵢ = e^(xᵢ − max x) / Σⱼ e^(xⱼ − max x) along the last axis; dx = y ∘ (dy − Σ dy∘y)
///
/// Shapes: x (rows, …, classes), y like x; each row of y sums to 1. Always shifted by the row's maximum, so
/// it never overflows. Errors: x without an axis after the batch. Source: Bridle, 1990.
public struct Softmax: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "softmax", summary: "Turns each row into probabilities: y = e^x / Σ e^x along the last axis.",
    details: "x (rows, …, classes) → y of the same shape. Shifted by the row's maximum. Bridle, 1990.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 19])], range: -5...5),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let type = try inputs[0].requireFloat("x")
    guard type.shape.rank >= 2 else {
      throw DenpaError(.badShape, "expected x of shape (rows, classes), got \(type.shape)")
    }
    return [type]
  }

  public func forward(_ r: Recipe) { r.softmax(r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.softmaxGradient(at: r.y, r.dy, into: r.dx) }
}
