import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Softplus: y = ln(1 + eˣ); dx = dy·σ(x)
///
/// Shapes: x any, y like x. Computed as max(x, 0) + ln(1 + e^−|x|), so it never overflows. Dugas et al., 2000.
public struct Softplus: UnaryLayer {
  public static let spec = Unary.spec(
    "softplus", "A smooth relu: y = ln(1 + e^x).", " It never overflows. Dugas et al., 2000.", wide: -6...6)
  let function = ElementwiseFunction(.softplus)

  public init(_ attributes: Attributes) {}
}
