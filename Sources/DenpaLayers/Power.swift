import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Power: y = aᵇ; da = dy·b·aᵇ⁻¹, db = dy·aᵇ·ln a
///
/// Shapes: a and b are broadcast as in NumPy, with the batch in front, and their gradients are summed over
/// the axes along which they are repeated. Errors: shapes that cannot be broadcast, integers. The gradient
/// with respect to b is 0 where a is 0; NaN where a is negative, as is y unless b is whole.
public struct Power: BinaryLayer {
  public static let spec = Broadcast.spec(
    "power", "Raises a to the power of b, element by element: y = a^b.",
    " The gradient with respect to b is 0 where a is 0; NaN where a is negative, as is y unless b is whole.",
    range: 0.5...2)
  static let function = BinaryFunction.power

  public init(_ attributes: Attributes) {}
}
