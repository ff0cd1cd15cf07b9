import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

/// NAdam, Adam with Nesterov's momentum: with Adam's m and v, μₜ = β₁(1 − ½·0.96^(t·momentum_decay)) and Πₜ =
/// μ₁⋯μₜ, w ← w − learning_rate·(μₜ₊₁m / (1 − Πₜ₊₁) + (1 − μₜ)g / (1 − Πₜ)) / (√(v / (1 − β₂ᵗ)) + epsilon).
///
/// `weight_decay` is added to g as weight_decay·w, or, if decoupled, subtracted as in AdamW. Source: Dozat,
/// 2016; the defaults are PyTorch's.
struct NAdam: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "nadam", summary: "Adam with Nesterov's momentum, which grows in the first steps.",
    details: "Dozat, \"Incorporating Nesterov Momentum into Adam\", 2016.",
    attributes: [
      .learningRate(0.002), .beta1(0.9), .beta2(0.999), .epsilon(1e-8),
      AttributeSpec(
        "momentum_decay", .float, default: .float(0.004), minimum: 0, maximum: 1e30,
        "How fast the momentum grows from beta1 / 2 to beta1."),
      .weightDecay(0), .decoupledWeightDecay,
    ]
  ) { (attributes) throws(DenpaError) in
    NAdam(
      moments: Moments(attributes, isDecoupled: attributes.bool("decoupled_weight_decay")),
      momentumDecay: attributes.float("momentum_decay"))
  }

  let moments: Moments
  let momentumDecay: Double

  var learningRate: Double { moments.learningRate }

  /// The momentum, which changes from step to step.
  private struct Momentum {
    var beta1: Double
    var decay: Double
    /// The product of the momenta of the first `count` steps.
    var product = 1.0
    var count: Int64 = 0

    func value(_ t: Int64) -> Double { beta1 * (1 - 0.5 * pow(0.96, Double(t) * decay)) }

    /// Returns that of t steps. It depends on t alone: what is kept only saves multiplications.
    mutating func product(of t: Int64) -> Double {
      if count > t { (product, count) = (1, 0) }
      while count < t {
        count += 1
        product *= value(count)
      }
      return product
    }
  }

  var state: [OptimizerState] { [OptimizerState("first"), OptimizerState("second")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    let prepared = moments.prepared(
      .nadam, span, own: Momentum(beta1: moments.beta1, decay: momentumDecay))
    return OptimizerSweep(kernels, prepared, at: memory) { memory, t, learningRate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Momentum>.self)
      let now = prepared.pointee.own.value(t), next = prepared.pointee.own.value(t + 1)
      let product = prepared.pointee.own.product(of: t)
      prepared.pointee.set(step: learningRate, learningRate: learningRate)
      prepared.pointee.arguments.gradientShare = (1 - now) / (1 - product)
      prepared.pointee.arguments.meanShare = next / (1 - product * next)
      prepared.pointee.arguments.correction2 = correction(prepared.pointee.arguments.beta2, t)
    }
  }
}
