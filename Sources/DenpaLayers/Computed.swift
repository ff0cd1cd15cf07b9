import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Computed: E = mean of y; dy = 1 / count
///
/// Shapes: y any. The model itself computes the loss, from inputs that are its targets: a loss of one's own, a
/// penalty, a distance between two branches. E: one number (`reduction` mean: over all elements), or one per
/// row (none: summed over the last axis). It takes no target.
public struct Computed: ElementLossLayer {
  public static let spec = LayerSpec(
    kind: "computed", role: .loss, summary: "The output is the loss: E = mean y.",
    details: "y any shape: what the model computes from inputs that hold its targets. It takes no target.",
    inputs: ["y"], outputs: ["loss"], attributes: [Losses.reduction], rowsIndependent: false,
    samples: Reduction.allCases.map { reduction in
      Sample(
        [NamedAttribute("reduction", .string(reduction.rawValue))],
        inputs: [TensorType(.float32, reduction == .sum ? [5] : [4, 3, 5])])
    })
  let loss: ElementLoss

  public init(_ attributes: Attributes) { loss = ElementLoss(.value, attributes) }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    Losses.output(try inputs[0].requireFloat("y"), loss.reduction)
  }

  /// The kernel reads a target where it finds one, and ignores it here.
  public func forward(_ r: Recipe) { forward(r, target: r.input(0)) }
  public func backward(_ r: Recipe) { backward(r, target: r.input(0)) }
}
