import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Identity: y = x; dx = dy
///
/// Shapes: x any, y like x.
public struct Identity: UnaryLayer {
  public static let spec = Unary.spec(
    "identity", "The input as it is: y = x.", wide: -6...6)
  let function = ElementwiseFunction(.identity)

  public init(_ attributes: Attributes) {}
}
