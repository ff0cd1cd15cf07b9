import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// ReLU: y = max(x, 0); dx = dy where x > 0, else 0
///
/// Shapes: x any, y like x. The derivative at 0 is 0. Preserves NaN. Nair & Hinton, 2010.
public struct ReLU: UnaryLayer {
  public static let spec = Unary.spec(
    "relu", "Lets positive values through: y = max(x, 0).",
    " The derivative at 0 is 0. NaN stays NaN. Nair & Hinton, 2010.", wide: -6...6, avoid: [0])
  let function = ElementwiseFunction(.relu)

  public init(_ attributes: Attributes) {}
}
