import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// LeakyReLU: y = x for x > 0, else α·x; dx = dy for x > 0, else α·dy
///
/// Shapes: x any, y like x. α is the `alpha`, any number. The derivative at 0 is α. Maas, Hannun & Ng, 2013.
public struct LeakyReLU: UnaryLayer {
  public static let spec = Unary.spec(
    "leaky_relu", "Lets a little of negative values through: y = x for x > 0, else α·x.",
    " The derivative at 0 is α. Maas, Hannun & Ng, 2013.", wide: -6...6, avoid: [0],
    attributes: [
      AttributeSpec(
        "alpha", .float, default: .float(0.01), minimum: -1e6, maximum: 1e6, "α, the slope for x ≤ 0.")
    ])
  let function: ElementwiseFunction

  public init(_ attributes: Attributes) {
    function = ElementwiseFunction(.leakyReLU, alpha: attributes.float("alpha"))
  }
}
