import DenpaCore
import DenpaGraph

/// Erf: y = erf x = (2/√π)·∫₀ˣ e^(−s²) ds; dx = dy · (2/√π)·e^(−x²)
///
/// Shapes: x any, y like x. As an activation: Williams, "Computing with infinite networks", 1996.
public struct Erf: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "erf", summary: "Squashes into (−1, 1) by the error function: y = erf x.",
    details: "x of any shape → y of the same. Williams, 1996.",
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -3...3),
    ])

  public init(_ attributes: Attributes) {}

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.apply(.erf, r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.applySlope(.erf, at: r.x, r.dy, into: r.dx) }
}
