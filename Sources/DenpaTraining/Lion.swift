import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Lion: c = β₁m + (1 − β₁)g; w ← w − learning_rate·(sign(c) + weight_decay·w); m ← β₂m + (1 − β₂)g.
///
/// The weight decay is decoupled, as in AdamW. Rates are to be 3 to 10 times smaller than Adam's. Source:
/// Chen et al., 2023, with their defaults.
struct Lion: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "lion",
    summary: "Steps of one size: the sign of a running mean of g. Keeps half of what Adam does.",
    details:
      "w ← w − learning_rate·(sign(β₁m + (1 − β₁)g) + weight_decay·w). Chen et al., \"Symbolic Discovery of Optimization Algorithms\", 2023.",
    attributes: [
      .learningRate(0.0001), .beta1(0.9, "How much of m is in a step's sign."),
      .beta2(0.99, "How much of m is kept."),
      .weightDecay(0, "How much of a weight is subtracted, times learning_rate."),
    ]
  ) { (attributes) throws(DenpaError) in
    Lion(
      learningRate: attributes.float("learning_rate"), beta1: attributes.float("beta1"),
      beta2: attributes.float("beta2"), weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let beta1: Double
  let beta2: Double
  let weightDecay: Double

  var state: [OptimizerState] { [OptimizerState("first")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.lion, span)
    arguments.beta1 = beta1
    arguments.beta2 = beta2
    let prepared = Prepared(arguments: arguments, decoupledDecay: weightDecay, own: ())
    return OptimizerSweep(kernels, prepared, at: memory) { memory, _, rate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Void>.self)
      prepared.pointee.set(step: rate, learningRate: rate)
    }
  }
}
