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
struct Adam: Optimizer {
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
    Adam(
      learningRate: attributes.float("learning_rate"), beta1: attributes.float("beta1"),
      beta2: attributes.float("beta2"), epsilon: attributes.float("epsilon"),
      weightDecay: attributes.float("weight_decay"), amsgrad: attributes.bool("amsgrad"))
  }

  let learningRate: Double
  let beta1: Double
  let beta2: Double
  let epsilon: Double
  let weightDecay: Double
  let amsgrad: Bool

  /// Whether the weight decay bypasses the moments, as in AdamW.
  var isDecoupled = false

  var state: [OptimizerState] {
    ["first", "second"].map { OptimizerState($0) } + (amsgrad ? [OptimizerState("greatest")] : [])
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    if amsgrad { return amsgradSweep(kernels, over: span, arguments: memory) }
    var arguments = AdamArguments()
    arguments.count = span.count
    arguments.weights = span.weights
    arguments.gradient = span.gradient
    arguments.first = span.state[0]
    arguments.second = span.state[1]
    arguments.decoupled = isDecoupled ? 1 : 0
    arguments.beta1 = beta1
    arguments.beta2 = beta2
    arguments.epsilon = epsilon
    arguments.weightDecay = weightDecay
    memory.initializeMemory(as: AdamArguments.self, to: arguments)
    return OptimizerSweep(step: kernels[.adam]) { memory, t, learningRate in
      let arguments = memory.assumingMemoryBound(to: AdamArguments.self)
      arguments.pointee.learningRate = learningRate
      arguments.pointee.correction1 = correction(arguments.pointee.beta1, t)
      arguments.pointee.correction2 = correction(arguments.pointee.beta2, t)
    }
  }

  private func amsgradSweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.amsgrad, span)
    arguments.beta1 = beta1
    arguments.beta2 = beta2
    arguments.epsilon = epsilon
    arguments.weightDecay = isDecoupled ? 0 : weightDecay
    let prepared = Prepared(arguments: arguments, decoupledDecay: isDecoupled ? weightDecay : 0, own: ())
    return OptimizerSweep(kernels, prepared, at: memory) { memory, t, learningRate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Void>.self)
      let beta1 = prepared.pointee.arguments.beta1
      prepared.pointee.set(step: learningRate * correction(beta1, t), learningRate: learningRate)
      prepared.pointee.arguments.correction2 = correction(prepared.pointee.arguments.beta2, t)
    }
  }
}
