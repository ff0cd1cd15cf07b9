import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Divide: y = a/b; da = dy/b, db = −dy·a/b²
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers.
public struct Divide: BinaryLayer {
  public static let spec = Broadcast.spec(
    "divide", "Divides a by b element by element: y = a/b.", range: 0.5...2)
  static let function = BinaryFunction.divide

  public init(_ attributes: Attributes) {}
}
