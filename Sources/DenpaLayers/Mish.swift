import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Mish: y = x·tanh(softplus x); dx = dy·(t + x·(1 − t²)·σ(x)), t = tanh(softplus x)
///
/// Shapes: x any, y like x. mish(−∞) = 0. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function",
/// 2019.
public struct Mish: UnaryLayer {
  public static let spec = Unary.spec(
    "mish", "A smooth relation of relu: y = x·tanh(ln(1 + e^x)).", " Misra, 2019.", wide: -6...6)
  let function = ElementwiseFunction(.mish)

  public init(_ attributes: Attributes) {}
}
