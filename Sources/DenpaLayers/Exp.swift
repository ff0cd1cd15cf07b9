import DenpaCore
import DenpaGraph

/// Exp: y = eˣ; dx = dy · y
///
/// Shapes: x any, y like x. The inverse of the logarithmic link of a Poisson regression (Nelder & Wedderburn,
/// 1972).
public struct Exp: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "exp", summary: "Makes positive numbers: y = e^x.",
    details: "x of any shape → y of the same. Nelder & Wedderburn, 1972.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])]),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.exp, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.exp, at: r.y, r.dy, into: r.dx) }
}
