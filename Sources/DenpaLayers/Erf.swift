import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Erf: y = erf x = (2/√π)·∫₀ˣ e^(−s²) ds; dx = dy · (2/√π)·e^(−x²)
///
/// Shapes: x any, y like x. As an activation: Williams, "Computing with infinite networks", 1996.
public struct Erf: UnaryLayer {
  public static let spec = Unary.spec(
    "erf", "Squashes into (−1, 1) by the error function: y = erf x.", " Williams, 1996.", wide: -3...3)
  let function = ElementwiseFunction(.erf)

  public init(_ attributes: Attributes) {}
}
