import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Sigmoid: y = 1 / (1 + e⁻ˣ); dx = dy · y(1 − y)
///
/// Shapes: x any, y like x. Never overflows.
public struct Sigmoid: UnaryLayer {
  public static let spec = Unary.spec(
    "sigmoid", "Squashes into (0, 1): y = 1 / (1 + e⁻ˣ).", " Safe from overflow at both ends.", wide: -6...6)
  let function = ElementwiseFunction(.sigmoid)

  public init(_ attributes: Attributes) {}
}
