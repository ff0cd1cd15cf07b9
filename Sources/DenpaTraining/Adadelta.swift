import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Adadelta: v ← rho·v + (1 − rho)·g²; d = g·√(u + epsilon) / √(v + epsilon); u ← rho·u + (1 − rho)·d²; w ← w
/// − learning_rate·d, where g includes weight_decay·w.
///
/// Source: Zeiler, 2012, who has no learning rate (it is 1); the defaults are PyTorch's.
struct Adadelta: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "adadelta",
    summary: "Steps in the unit of the weights, from running means of squares of g and of steps.",
    details:
      "d = g·√(u + epsilon) / √(v + epsilon), w ← w − learning_rate·d. Zeiler, \"ADADELTA: An Adaptive Learning Rate Method\", 2012.",
    attributes: [
      .learningRate(1), .rho(0.9, "How much of u and v is kept."),
      .epsilon(1e-6, "Makes the first steps, and keeps the divisor above 0."), .weightDecay(0),
    ]
  ) { (attributes) throws(DenpaError) in
    Adadelta(
      learningRate: attributes.float("learning_rate"), rho: attributes.float("rho"),
      epsilon: attributes.float("epsilon"), weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let rho: Double
  let epsilon: Double
  let weightDecay: Double

  var state: [OptimizerState] { [OptimizerState("square"), OptimizerState("change")] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.adadelta, span)
    arguments.beta2 = rho
    arguments.epsilon = epsilon
    arguments.weightDecay = weightDecay
    return OptimizerSweep(kernels, Prepared(arguments: arguments, own: ()), at: memory) { memory, _, rate in
      memory.assumingMemoryBound(to: UpdateArguments.self).pointee.step = rate
    }
  }
}
