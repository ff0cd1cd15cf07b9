import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Adagrad: s ← s + g²; w ← w − rate·g / (√s + epsilon), rate = learning_rate / (1 + (t −
/// 1)·learning_rate_decay) in step t, where g includes weight_decay·w and s is `initial_accumulator` at
/// first.
///
/// Source: Duchi, Hazan & Singer, 2011; the form and the defaults are PyTorch's.
struct Adagrad: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "adagrad", summary: "Gradients divided by the root of the sum of their squares so far.",
    details:
      "s ← s + g², w ← w − learning_rate·g / (√s + epsilon). Duchi, Hazan & Singer, \"Adaptive Subgradient Methods\", 2011.",
    attributes: [
      .learningRate(0.01),
      AttributeSpec(
        "learning_rate_decay", .float, default: .float(0), minimum: 0, maximum: 1e30,
        "Step t has the rate learning_rate / (1 + (t − 1)·learning_rate_decay)."),
      AttributeSpec(
        "initial_accumulator", .float, default: .float(0), minimum: 0, maximum: 1e30,
        "What the sum of squares is at first."),
      .epsilon(1e-10), .weightDecay(0),
    ]
  ) { (attributes) throws(DenpaError) in
    Adagrad(
      learningRate: attributes.float("learning_rate"),
      learningRateDecay: attributes.float("learning_rate_decay"),
      initialAccumulator: attributes.float("initial_accumulator"), epsilon: attributes.float("epsilon"),
      weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let learningRateDecay: Double
  let initialAccumulator: Double
  let epsilon: Double
  let weightDecay: Double

  var state: [OptimizerState] { [OptimizerState("sum", initial: initialAccumulator)] }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.adagrad, span)
    arguments.epsilon = epsilon
    arguments.weightDecay = weightDecay
    let prepared = Prepared(arguments: arguments, own: learningRateDecay)
    return OptimizerSweep(kernels, prepared, at: memory) { memory, t, rate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Double>.self)
      prepared.pointee.arguments.step = rate / (1 + Double(t - 1) * prepared.pointee.own)
    }
  }
}
