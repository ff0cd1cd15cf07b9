import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Minimum: y = min(a, b); the gradient goes to the smaller one
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers. Equal ones
/// share the gradient evenly. NaN stays NaN.
public struct Minimum: BinaryLayer {
  public static let spec = Broadcast.spec(
    "minimum", "The smaller one of two values, element by element: y = min(a, b).",
    " Equal ones share the gradient evenly. NaN stays NaN.")
  static let function = BinaryFunction.minimum

  public init(_ attributes: Attributes) {}
}
