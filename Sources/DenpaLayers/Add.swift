import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Add: y = a + b; da = dy, db = dy
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers.
public struct Add: BinaryLayer {
  public static let spec = Broadcast.spec("add", "Adds two values element by element: y = a + b.")
  static let function = BinaryFunction.add

  public init(_ attributes: Attributes) {}
}
