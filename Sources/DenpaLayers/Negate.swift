import DenpaCore
import DenpaGraph

/// Negate: y = −x; dx = −dy
///
/// Shapes: x any, y like x.
public struct Negate: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "negate", summary: "Changes the sign: y = -x.", details: "x of any shape → y of the same.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]), Sample(inputs: [TensorType(.float32, [3])]),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.copy(r.x, times: -1, into: r.y) }

  public func backward(_ r: Recipe) { r.copy(r.dy, times: -1, into: r.dx) }
}
