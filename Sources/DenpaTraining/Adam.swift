import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

/// Adam: m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − learning_rate·m̂ / (√v̂ + epsilon), m̂ = m / (1 −
/// β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
///
/// `weight_decay` is added to g as weight_decay·w (L2). Source: Kingma & Ba, 2015.
struct Adam: Optimizer {
  static let definition = OptimizerDefinition(
    kind: "adam",
    summary: "Steps of each weight's own size, from running means of its gradient and of its square.",
    details: "Kingma & Ba, \"Adam: A Method for Stochastic Optimization\", 2015.",
    attributes: [
      AttributeSpec("learning_rate", .float, default: .float(0.001), minimum: 0, maximum: 1e30, "Step size."),
      AttributeSpec(
        "beta1", .float, default: .float(0.9), minimum: 0, maximum: 0.999_999_9, "How much of m is kept."),
      AttributeSpec(
        "beta2", .float, default: .float(0.999), minimum: 0, maximum: 0.999_999_999, "How much of v is kept."),
      AttributeSpec(
        "epsilon", .float, default: .float(1e-8), minimum: 1e-30, maximum: 1, "Keeps the divisor above 0."),
      AttributeSpec(
        "weight_decay", .float, default: .float(0), minimum: 0, maximum: 1e30, "Added to g as weight_decay·w."
      ),
    ]
  ) { (attributes) throws(DenpaError) in
    Adam(
      learningRate: attributes.float("learning_rate"), beta1: attributes.float("beta1"),
      beta2: attributes.float("beta2"), epsilon: attributes.float("epsilon"),
      weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let beta1: Double
  let beta2: Double
  let epsilon: Double
  let weightDecay: Double

  /// Whether the weight decay bypasses the moments, as in AdamW.
  var isDecoupled = false

  var state: [OptimizerState] { [OptimizerState("first"), OptimizerState("second")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
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
      arguments.pointee.correction1 = 1 / (1 - pow(arguments.pointee.beta1, Double(t)))
      arguments.pointee.correction2 = 1 / (1 - pow(arguments.pointee.beta2, Double(t)))
    }
  }
}
