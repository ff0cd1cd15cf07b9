import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// RMSProp: v ← rho·v + (1 − rho)·g²; w ← w − learning_rate·g / (√v + epsilon), where g includes
/// weight_decay·w.
///
/// If it is `centered`, v is replaced by v − m², an estimate of g's variance, where m ← rho·m + (1 − rho)·g.
/// With a momentum, u ← momentum·u + g / (√v + epsilon) and w ← w − learning_rate·u. Sources: Tieleman &
/// Hinton, 2012 (lecture 6.5 of "Neural Networks for Machine Learning"); centered: Graves, 2013; the form and
/// the defaults are PyTorch's, whose alpha is rho.
struct RMSProp: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "rmsprop", summary: "Gradients divided by the root of their running mean square.",
    details:
      "v ← rho·v + (1 − rho)·g², w ← w − learning_rate·g / (√v + epsilon). Tieleman & Hinton, 2012; centered: Graves, 2013.",
    attributes: [
      .learningRate(0.01), .rho(0.99, "How much of v is kept."), .epsilon(1e-8),
      AttributeSpec(
        "momentum", .float, default: .float(0), minimum: 0, maximum: 1, "How much of the last step is kept."),
      AttributeSpec(
        "centered", .bool, default: .bool(false), "Subtract the square of g's running mean from v."),
      .weightDecay(0),
    ]
  ) { (attributes) throws(DenpaError) in
    RMSProp(
      learningRate: attributes.float("learning_rate"), rho: attributes.float("rho"),
      epsilon: attributes.float("epsilon"), momentum: attributes.float("momentum"),
      isCentered: attributes.bool("centered"), weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let rho: Double
  let epsilon: Double
  let momentum: Double
  let isCentered: Bool
  let weightDecay: Double

  var state: [OptimizerState] {
    var names = ["square"]
    if momentum > 0 { names.append("velocity") }
    if isCentered { names.append("mean") }
    return names.map { OptimizerState($0) }
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.rmsprop, span)
    if momentum == 0 { arguments.second = nil }
    arguments.third = isCentered ? span.state.last : nil
    arguments.beta2 = rho
    arguments.epsilon = epsilon
    arguments.momentum = momentum
    arguments.weightDecay = weightDecay
    return OptimizerSweep(kernels, Prepared(arguments: arguments, own: ()), at: memory) { memory, _, rate in
      memory.assumingMemoryBound(to: UpdateArguments.self).pointee.step = rate
    }
  }
}
