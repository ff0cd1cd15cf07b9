import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// HardSigmoid: y = x/6 + ½, confined to 0 … 1; dx = dy/6 for |x| < 3, else 0
///
/// Shapes: x any, y like x. The form of PyTorch and of Keras from version 3 on. Courbariaux, Bengio & David,
/// 2015; Howard et al., "Searching for MobileNetV3", 2019.
public struct HardSigmoid: UnaryLayer {
  public static let spec = Unary.spec(
    "hard_sigmoid", "A sigmoid of three lines: y = x/6 + ½, confined to 0 … 1.", " Howard et al., 2019.",
    wide: -6...6, avoid: [-3, 3])
  let function = ElementwiseFunction(.hardSigmoid)

  public init(_ attributes: Attributes) {}
}
