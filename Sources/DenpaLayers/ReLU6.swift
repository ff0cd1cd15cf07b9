import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// ReLU6: y = x, confined to 0 … 6; dx = dy for 0 < x < 6, else 0
///
/// Shapes: x any, y like x. Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010.
public struct ReLU6: UnaryLayer {
  public static let spec = Unary.spec(
    "relu6", "A relu with an upper end: y = x, confined to 0 … 6.", " Krizhevsky, 2010.", wide: -2...8,
    avoid: [0, 6])
  let function = ElementwiseFunction(.relu6)

  public init(_ attributes: Attributes) {}
}
