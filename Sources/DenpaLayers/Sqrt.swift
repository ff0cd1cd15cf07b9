import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Sqrt: y = √x; dx = dy/(2y)
///
/// Shapes: x any, y like x. NaN for negative x; the derivative at 0 is infinite.
public struct Sqrt: UnaryLayer {
  public static let spec = Unary.spec(
    "sqrt", "The square root: y = x^(1/2).", " NaN for negative x; the derivative at 0 is infinite.",
    range: 0.25...3)
  let function = ElementwiseFunction(.squareRoot)

  public init(_ attributes: Attributes) {}
}
