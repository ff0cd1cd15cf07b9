import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// HardSwish: y = x·(x/6 + ½), the factor confined to 0 … 1; dx = dy·(x/3 + ½) for |x| < 3, 0 below, dy above
///
/// Shapes: x any, y like x. Howard et al., "Searching for MobileNetV3", 2019.
public struct HardSwish: UnaryLayer {
  public static let spec = Unary.spec(
    "hard_swish", "Weighs x by its hard sigmoid: y = x·(x/6 + ½), the factor confined to 0 … 1.",
    " Howard et al., 2019.", wide: -6...6, avoid: [-3, 3])
  let function = ElementwiseFunction(.hardSwish)

  public init(_ attributes: Attributes) {}
}
