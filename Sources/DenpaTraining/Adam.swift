import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Adam: m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − learning_rate·m̂ / (√v̂ + epsilon), m̂ = m / (1 −
/// β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
///
/// `weight_decay` is added to g as weight_decay·w (L2). With `amsgrad`, v̂ is computed from the greatest v so
/// far, which is kept only then. It is an attribute, not a kind, because adamw has it too, and because
/// whoever uses it compares it with the same optimizer without it. Sources: Kingma & Ba, 2015; Reddi, Kale &
/// Kumar, 2018.
struct Adam: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "adam",
    summary: "Steps of each weight's own size, from running means of its gradient and of its square.",
    details:
      "Kingma & Ba, \"Adam: A Method for Stochastic Optimization\", 2015; amsgrad: Reddi, Kale & Kumar, \"On the Convergence of Adam and Beyond\", 2018.",
    attributes: [
      .learningRate(0.001), .beta1(0.9), .beta2(0.999), .epsilon(1e-8), .weightDecay(0),
      AttributeSpec("amsgrad", .bool, default: .bool(false), "Divide by the root of the greatest v so far."),
    ]
  ) { (attributes) throws(DenpaError) in
    Adam(moments: Moments(attributes), amsgrad: attributes.bool("amsgrad"))
  }

  let moments: Moments
  let amsgrad: Bool

  var learningRate: Double { moments.learningRate }

  var state: [OptimizerState] {
    ["first", "second"].map { OptimizerState($0) } + (amsgrad ? [OptimizerState("greatest")] : [])
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    if amsgrad { return amsgradSweep(kernels, over: span, arguments: memory) }
    var arguments = AdamArguments(moments, span)
    arguments.weights = span.weights
    arguments.decoupled = moments.isDecoupled ? 1 : 0
    arguments.weightDecay = moments.weightDecay
    memory.initializeMemory(as: AdamArguments.self, to: arguments)
    return OptimizerSweep(step: kernels[.adam]) { memory, t, learningRate in
      let arguments = memory.assumingMemoryBound(to: AdamArguments.self)
      arguments.pointee.learningRate = learningRate
      arguments.pointee.correct(t)
    }
  }

  private func amsgradSweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    OptimizerSweep(kernels, moments.prepared(.amsgrad, span, own: ()), at: memory) {
      memory, t, learningRate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Void>.self)
      let beta1 = prepared.pointee.arguments.beta1
      prepared.pointee.set(step: learningRate * correction(beta1, t), learningRate: learningRate)
      prepared.pointee.arguments.correction2 = correction(prepared.pointee.arguments.beta2, t)
    }
  }
}
