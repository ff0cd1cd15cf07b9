import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// CELU: y = x for x > 0, else α·(e^(x/α) − 1); dx = dy for x > 0, else dy·e^(x/α)
///
/// Shapes: x any, y like x. α is the `alpha`; for every α the derivative is continuous. Barron, 2017.
public struct CELU: UnaryLayer {
  public static let spec = Unary.spec(
    "celu", "An elu with a continuous derivative: y = x for x > 0, else α·(e^(x/α) − 1).", " Barron, 2017.",
    wide: -6...6, avoid: [0],
    attributes: [
      AttributeSpec(
        "alpha", .float, default: .float(1), minimum: 1e-6, maximum: 1e6, "α, the limit is −α.")
    ])
  let function: ElementwiseFunction

  public init(_ attributes: Attributes) {
    function = ElementwiseFunction(.celu, alpha: attributes.float("alpha"))
  }
}
