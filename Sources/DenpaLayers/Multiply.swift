import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Multiply: y = a·b; da = dy·b, db = dy·a
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers.
public struct Multiply: BinaryLayer {
  public static let spec = Broadcast.spec("multiply", "Multiplies two values element by element: y = a*b.")
  static let function = BinaryFunction.multiply

  public init(_ attributes: Attributes) {}
}
