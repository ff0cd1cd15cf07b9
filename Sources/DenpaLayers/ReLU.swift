import DenpaCore
import DenpaGraph

/// ReLU: y = max(x, 0); dx = dy where x > 0, else 0
///
/// Shapes: x any, y like x. The derivative at 0 is 0. Preserves NaN. Nair & Hinton, 2010.
public struct ReLU: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "relu", summary: "Lets positive values through: y = max(x, 0).",
    details: "x of any shape → y of the same. The slope at 0 is 0. NaN stays NaN. Nair & Hinton, 2010.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])], avoid: [0]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -6...6, avoid: [0]),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.relu, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.relu, at: r.y, r.dy, into: r.dx) }
}
