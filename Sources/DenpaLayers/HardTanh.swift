import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// HardTanh: y = x, confined to −1 … 1; dx = dy for |x| < 1, else 0
///
/// Shapes: x any, y like x. Collobert, "Large Scale Machine Learning", 2004.
public struct HardTanh: UnaryLayer {
  public static let spec = Unary.spec(
    "hard_tanh", "A tanh of three lines: y = x, confined to −1 … 1.", " Collobert, 2004.", avoid: [-1, 1])
  let function = ElementwiseFunction(.hardTanh)

  public init(_ attributes: Attributes) {}
}
