import DenpaCore
import DenpaGraph

/// Identity: y = x; dx = dy
///
/// Shapes: x any, y like x.
public struct Identity: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "identity", summary: "The input as it is: y = x.",
    details: "x of any shape → y of the same. ",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -6...6),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.identity, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.identity, at: r.y, r.dy, into: r.dx) }
}
