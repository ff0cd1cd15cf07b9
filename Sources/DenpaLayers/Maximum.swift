import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Maximum: y = max(a, b); the gradient goes to the larger one
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers. Equal ones
/// share the gradient evenly. NaN stays NaN.
public struct Maximum: BinaryLayer {
  public static let spec = Broadcast.spec(
    "maximum", "The larger one of two values, element by element: y = max(a, b).",
    " Equal ones share the gradient evenly. NaN stays NaN.")
  static let function = BinaryFunction.maximum

  public init(_ attributes: Attributes) {}
}
