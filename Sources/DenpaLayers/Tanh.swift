import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Tanh: y = tanh x; dx = dy · (1 − y²)
///
/// Shapes: x any, y like x.
public struct Tanh: UnaryLayer {
  public static let spec = Unary.spec(
    "tanh", "Squashes into (−1, 1): y = tanh x.", wide: -6...6)
  let function = ElementwiseFunction(.tanh)

  public init(_ attributes: Attributes) {}
}
