import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Step: y = 1 for x > 0, else 0; dx = 0
///
/// Shapes: x any, y like x. y(0) is 0; some write x ≥ 0 instead. Nothing in front of it learns. NaN stays NaN.
/// McCulloch & Pitts, 1943; Rosenblatt, 1958.
public struct Step: UnaryLayer {
  public static let spec = Unary.spec(
    "step", "Decides: y = 1 for x > 0, else 0.",
    " The derivative is 0 everywhere, so that nothing in front of it learns. y(0) = 0. McCulloch & Pitts, 1943.",
    wide: -6...6, avoid: [0])
  let function = ElementwiseFunction(.step)

  public init(_ attributes: Attributes) {}
}
