import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// SELU: y = λ·x for x > 0, else λ·α·(eˣ − 1); dx = dy·λ for x > 0, else dy·λ·α·eˣ
///
/// Shapes: x any, y like x. λ = 1.0507 and α = 1.6733 keep mean 0 and variance 1 from layer to layer.
/// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
public struct SELU: UnaryLayer {
  public static let spec = Unary.spec(
    "selu", "Keeps mean 0 and variance 1: y = λ·x for x > 0, else λ·α·(e^x − 1).",
    " λ = 1.0507, α = 1.6733. Klambauer et al., 2017.", wide: -6...6, avoid: [0])
  let function = ElementwiseFunction(.selu)

  public init(_ attributes: Attributes) {}
}
