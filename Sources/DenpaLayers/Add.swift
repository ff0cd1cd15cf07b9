import DenpaCore
import DenpaGraph

/// Add: y = a + b; da = dy, db = dy
///
/// Shapes: a, b and y are equal. Errors: shapes or dtypes that differ (nothing is broadcast).
public struct Add: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "add", summary: "Adds two values element by element: y = a + b.",
    details: "a, b and y have the same shape; nothing is broadcast.", inputs: ["a", "b"],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5]), TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [3]), TensorType(.float32, [3])]),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let a = try inputs[0].requireFloat("a"), b = try inputs[1].requireFloat("b")
    guard a.shape == b.shape else {
      throw DenpaError(.badShape, "expected two inputs of one shape, got \(a.shape) and \(b.shape)")
    }
    return [a]
  }

  public func forward(_ r: Recipe) { r.add(r.input(0), r.input(1), into: r.y) }

  public func backward(_ r: Recipe) {
    r.copy(r.dy, into: r.dInput(0))
    r.copy(r.dy, into: r.dInput(1))
  }
}
