import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// LogSigmoid: y = ln σ(x) = −ln(1 + e^−x); dx = dy·σ(−x)
///
/// Shapes: x any, y like x. The logarithm of a probability, from its logit, without overflow. Cox, 1958.
public struct LogSigmoid: UnaryLayer {
  public static let spec = Unary.spec(
    "log_sigmoid", "The logarithm of a probability, from its logit: y = −ln(1 + e^−x).",
    " It never overflows.",
    wide: -6...6)
  let function = ElementwiseFunction(.logSigmoid)

  public init(_ attributes: Attributes) {}
}
