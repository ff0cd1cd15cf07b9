import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// ELU: y = x for x > 0, else α·(eˣ − 1); dx = dy for x > 0, else dy·α·eˣ
///
/// Shapes: x any, y like x. α is the `alpha`. Clevert, Unterthiner & Hochreiter, 2015.
public struct ELU: UnaryLayer {
  public static let spec = Unary.spec(
    "elu", "Negative values saturate at −α: y = x for x > 0, else α·(e^x − 1).",
    " Clevert, Unterthiner & Hochreiter, 2015.", wide: -6...6, avoid: [0],
    attributes: [
      AttributeSpec("alpha", .float, default: .float(1), minimum: 0, maximum: 1e6, "α, the limit is −α.")
    ])
  let function: ElementwiseFunction

  public init(_ attributes: Attributes) {
    function = ElementwiseFunction(.elu, alpha: attributes.float("alpha"))
  }
}
