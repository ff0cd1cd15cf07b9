import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Log: y = ln x; dx = dy/x
///
/// Shapes: x any, y like x. ln 0 is -infinity; NaN for negative x.
public struct Log: UnaryLayer {
  public static let spec = Unary.spec(
    "log", "The natural logarithm: y = ln x.", " ln 0 is -infinity; NaN for negative x.", range: 0.25...3)
  let function = ElementwiseFunction(.log)

  public init(_ attributes: Attributes) {}
}
