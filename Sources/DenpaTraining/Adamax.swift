import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Adamax: m ← β₁m + (1 − β₁)g; u ← max(β₂u, |g| + epsilon); w ← w − learning_rate / (1 − β₁ᵗ)·m / u, where g
/// includes weight_decay·w.
///
/// Source: Kingma & Ba, 2015, section 7.1; the place of epsilon and the defaults are PyTorch's.
struct Adamax: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "adamax", summary: "Adam with the decaying maximum of |g| instead of the root of its mean square.",
    details: "Kingma & Ba, \"Adam: A Method for Stochastic Optimization\", 2015, section 7.1.",
    attributes: [
      .learningRate(0.002), .beta1(0.9), .beta2(0.999, "How much of the maximum is kept."), .epsilon(1e-8),
      .weightDecay(0),
    ]
  ) { (attributes) throws(DenpaError) in
    Adamax(moments: Moments(attributes))
  }

  let moments: Moments

  var learningRate: Double { moments.learningRate }

  var state: [OptimizerState] { [OptimizerState("first"), OptimizerState("norm")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    OptimizerSweep(kernels, moments.prepared(.adamax, span, own: ()), at: memory) { memory, t, rate in
      let arguments = memory.assumingMemoryBound(to: UpdateArguments.self)
      arguments.pointee.step = rate * correction(arguments.pointee.beta1, t)
    }
  }
}
