import DenpaCore
import DenpaGraph

/// Flatten: y is x with all axes after the batch merged into one; dx is dy in x's shape.
///
/// Shapes: x (rows, a, b, …), y (rows, a·b·…). Free: both share the same memory.
public struct Flatten: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "flatten", summary: "Makes each sample a vector: (rows, a, b, …) → (rows, a·b·…).",
    details: "No element is moved.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 2, 3])]),
      Sample(inputs: [TensorType(.float32, [3, 1, 2, 2])]),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let type = inputs[0]
    guard type.shape.rank >= 1 else {
      throw DenpaError(.badShape, "expected x with a batch axis, got \(type.shape)")
    }
    return [TensorType(type.dtype, [type.shape[0], type.shape.sample.count])]
  }

  public func forward(_ r: Recipe) { r.copy(r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.copy(r.dy, into: r.dx) }
}
