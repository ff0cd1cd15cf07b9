import DenpaCore
import DenpaGraph

/// Sigmoid: y = 1 / (1 + e⁻ˣ); dx = dy · y(1 − y)
///
/// Shapes: x any, y like x. Never overflows.
public struct Sigmoid: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "sigmoid", summary: "Squashes into (0, 1): y = 1 / (1 + e⁻ˣ).",
    details: "x of any shape → y of the same. Safe from overflow at both ends.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -6...6),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.sigmoid, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.sigmoid, at: r.y, r.dy, into: r.dx) }
}
