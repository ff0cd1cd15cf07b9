import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Square: y = x²; dx = 2·x·dy
///
/// Shapes: x any, y like x.
public struct Square: UnaryLayer {
  public static let spec = Unary.spec(
    "square", "The square: y = x².", range: -2...2)
  let function = ElementwiseFunction(.square)

  public init(_ attributes: Attributes) {}
}
