import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Exp: y = eˣ; dx = dy · y
///
/// Shapes: x any, y like x. The inverse of the logarithmic link of a Poisson regression (Nelder & Wedderburn,
/// 1972).
public struct Exp: UnaryLayer {
  public static let spec = Unary.spec(
    "exp", "Makes positive numbers: y = e^x.", " Nelder & Wedderburn, 1972.")
  let function = ElementwiseFunction(.exp)

  public init(_ attributes: Attributes) {}
}
