import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// SiLU: y = x·σ(x); dx = dy·σ(x)·(1 + x·(1 − σ(x)))
///
/// Shapes: x any, y like x. Also called swish. silu(−∞) = 0. Elfwing, Uchibe & Doya, 2017; Ramachandran, Zoph &
/// Le, 2017.
public struct SiLU: UnaryLayer {
  public static let spec = Unary.spec(
    "silu", "Weighs x by its sigmoid: y = x·σ(x); also called swish.", " Elfwing et al., 2017.", wide: -6...6)
  let function = ElementwiseFunction(.silu)

  public init(_ attributes: Attributes) {}
}
