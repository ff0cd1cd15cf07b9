import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Abs: y = |x|; dx = dy·sign(x)
///
/// Shapes: x any, y like x. The derivative at 0 is 0.
public struct Abs: UnaryLayer {
  public static let spec = Unary.spec(
    "abs", "The absolute value: y = |x|.", " The derivative at 0 is 0.", avoid: [0])
  let function = ElementwiseFunction(.magnitude)

  public init(_ attributes: Attributes) {}
}
