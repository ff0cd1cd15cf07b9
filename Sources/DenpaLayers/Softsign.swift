import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Softsign: y = x / (1 + |x|); dx = dy / (1 + |x|)²
///
/// Shapes: x any, y like x. Bergstra et al., "Quadratic Polynomials Learn Better Image Features", 2009.
public struct Softsign: UnaryLayer {
  public static let spec = Unary.spec(
    "softsign", "Squashes into (−1, 1), slowly: y = x / (1 + |x|).", " Bergstra et al., 2009.", wide: -6...6,
    avoid: [0])
  let function = ElementwiseFunction(.softsign)

  public init(_ attributes: Attributes) {}
}
