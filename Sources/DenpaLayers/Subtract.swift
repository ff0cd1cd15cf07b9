import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Subtract: y = a − b; da = dy, db = −dy
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers.
public struct Subtract: BinaryLayer {
  public static let spec = Broadcast.spec("subtract", "Subtracts b from a element by element: y = a - b.")
  static let function = BinaryFunction.subtract

  public init(_ attributes: Attributes) {}
}
