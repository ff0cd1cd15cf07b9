import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// RAdam, rectified Adam: with Adam's m and v, m̂ = m / (1 − β₁ᵗ), ρ∞ = 2 / (1 − β₂) − 1 and ρ = ρ∞ − 2tβ₂ᵗ /
/// (1 − β₂ᵗ), w ← w − learning_rate·r·m̂·√(1 − β₂ᵗ) / (√v + epsilon), r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ −
/// 2)ρ)), if ρ > 5; in the first steps, where v says too little, w ← w − learning_rate·m̂.
///
/// `weight_decay` is added to g as weight_decay·w, or, if decoupled, subtracted as in AdamW. Source: Liu et
/// al., 2020; the place of epsilon and the defaults are PyTorch's.
struct RAdam: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "radam", summary: "Adam that trusts v only as far as it has seen gradients: no warm-up is needed.",
    details: "Liu et al., \"On the Variance of the Adaptive Learning Rate and Beyond\", 2020.",
    attributes: [
      .learningRate(0.001), .beta1(0.9), .beta2(0.999), .epsilon(1e-8), .weightDecay(0),
      .decoupledWeightDecay,
    ]
  ) { (attributes) throws(DenpaError) in
    RAdam(moments: Moments(attributes, isDecoupled: attributes.bool("decoupled_weight_decay")))
  }

  let moments: Moments

  var learningRate: Double { moments.learningRate }

  var state: [OptimizerState] { [OptimizerState("first"), OptimizerState("second")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    OptimizerSweep(kernels, moments.prepared(.radam, span, own: ()), at: memory) {
      memory, t, learningRate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Void>.self)
      let beta1 = prepared.pointee.arguments.beta1, beta2 = prepared.pointee.arguments.beta2
      let rectification = RAdam.rectification(beta2, t)
      prepared.pointee.set(
        step: learningRate * correction(beta1, t) * (rectification ?? 1), learningRate: learningRate)
      prepared.pointee.arguments.correction2 = rectification == nil ? 0 : 1
    }
  }

  /// r·√(1 − β₂ᵗ); nil if v says too little after so few steps.
  private static func rectification(_ beta2: Double, _ t: Int64) -> Double? {
    let correction = correction(beta2, t)
    let limit = 2 / (1 - beta2) - 1
    let length = limit - 2 * Double(t) * (correction - 1)
    guard length > 5 else { return nil }
    let ratio = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    return (ratio / correction).squareRoot()
  }
}
