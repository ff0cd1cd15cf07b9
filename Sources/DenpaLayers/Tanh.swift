import DenpaCore
import DenpaGraph

/// Tanh: y = tanh x; dx = dy · (1 − y²)
///
/// Shapes: x any, y like x.
public struct Tanh: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "tanh", summary: "Squashes into (−1, 1): y = tanh x.",
    details: "x of any shape → y of the same. ",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -6...6),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.tanh, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.tanh, at: r.y, r.dy, into: r.dx) }
}
