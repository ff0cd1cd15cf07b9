import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Stochastic gradient descent: v ← momentum·v + g; w ← w − learning_rate·v, or with Nesterov's momentum
/// w ← w − learning_rate·(g + momentum·v), where g includes weight_decay·w.
///
/// Sources: Robbins & Monro, 1951; Polyak, 1964; Nesterov, 1983, as in Sutskever et al., 2013 (PyTorch's
/// form).
struct SGD: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "sgd", summary: "Gradient descent: w ← w − learning_rate·g, with momentum where asked for.",
    details:
      "v ← momentum·v + g, w ← w − learning_rate·v. Robbins & Monro, 1951; Polyak, 1964; Nesterov, 1983.",
    attributes: [
      .learningRate(0.01),
      AttributeSpec("momentum", .float, default: .float(0), minimum: 0, maximum: 1, "How much of v is kept."),
      AttributeSpec("nesterov", .bool, default: .bool(false), "Look ahead along v."),
      .weightDecay(0),
    ]
  ) { (attributes) throws(DenpaError) in
    let result = SGD(
      learningRate: attributes.float("learning_rate"), momentum: attributes.float("momentum"),
      nesterov: attributes.bool("nesterov"), weightDecay: attributes.float("weight_decay"))
    guard !result.nesterov || result.momentum > 0 else {
      throw DenpaError(.badArgument, "optimizer \"sgd\": nesterov needs a momentum above 0")
    }
    return result
  }

  let learningRate: Double
  let momentum: Double
  let nesterov: Bool
  let weightDecay: Double

  var state: [OptimizerState] { momentum > 0 ? [OptimizerState("velocity")] : [] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = SGDArguments()
    arguments.count = span.count
    arguments.weights = span.weights
    arguments.gradient = span.gradient
    arguments.velocity = span.state.first
    arguments.momentum = momentum
    arguments.nesterov = nesterov ? 1 : 0
    arguments.weightDecay = weightDecay
    memory.initializeMemory(as: SGDArguments.self, to: arguments)
    return OptimizerSweep(step: kernels[.sgd]) { memory, _, learningRate in
      memory.assumingMemoryBound(to: SGDArguments.self).pointee.learningRate = learningRate
    }
  }
}
