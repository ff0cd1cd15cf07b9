import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

// What the optimizers that share the kernel `update` have in common.

extension UpdateArguments {
  /// The arguments for a span; what is kept is in the order of the optimizer's `state`.
  init(_ rule: UpdateRule, _ span: OptimizerSpan) {
    self.init()
    self.rule = rule.rawValue
    count = span.count
    weights = span.weights
    gradient = span.gradient
    let state = span.state
    first = state.first
    second = state.count > 1 ? state[1] : nil
    third = state.count > 2 ? state[2] : nil
  }
}

/// What a sweep of the kernel `update` has in its memory: the kernel's arguments, which come first, and what
/// the next step's are computed from.
struct Prepared<Own> {
  var arguments: UpdateArguments
  /// What is subtracted from a weight in a step, times the learning rate and the weight.
  var decoupledDecay = 0.0
  var own: Own

  mutating func set(step: Double, learningRate: Double) {
    arguments.step = step
    arguments.kept = 1 - learningRate * decoupledDecay
  }
}

extension OptimizerSweep {
  /// A sweep of the kernel `update`.
  init<Own>(
    _ kernels: KernelTable, _ prepared: Prepared<Own>, at memory: UnsafeMutableRawPointer,
    prepare: @escaping @convention(c) (UnsafeMutableRawPointer, Int64, Double) -> Void
  ) {
    memory.initializeMemory(as: Prepared<Own>.self, to: prepared)
    self.init(step: kernels[.update], prepare: prepare)
  }
}

/// 1/(1 − βᵗ): the correction of a running mean that began at 0, after `t` steps.
func correction(_ beta: Double, _ t: Int64) -> Double { 1 / (1 - pow(beta, Double(t))) }

/// The attributes that optimizers have in common.
extension AttributeSpec {
  static func learningRate(_ value: Double, _ summary: String = "Step size.") -> AttributeSpec {
    AttributeSpec("learning_rate", .float, default: .float(value), minimum: 0, maximum: 1e30, summary)
  }

  static func beta1(_ value: Double, _ summary: String = "How much of m is kept.") -> AttributeSpec {
    AttributeSpec("beta1", .float, default: .float(value), minimum: 0, maximum: 0.999_999_9, summary)
  }

  static func beta2(_ value: Double, _ summary: String = "How much of v is kept.") -> AttributeSpec {
    AttributeSpec("beta2", .float, default: .float(value), minimum: 0, maximum: 0.999_999_999, summary)
  }

  static func rho(_ value: Double, _ summary: String) -> AttributeSpec {
    AttributeSpec("rho", .float, default: .float(value), minimum: 0, maximum: 0.999_999_999, summary)
  }

  static func epsilon(_ value: Double, _ summary: String = "Keeps the divisor above 0.") -> AttributeSpec {
    AttributeSpec("epsilon", .float, default: .float(value), minimum: 1e-30, maximum: 1, summary)
  }

  static func weightDecay(_ value: Double, _ summary: String = "Added to g as weight_decay·w.")
    -> AttributeSpec
  {
    AttributeSpec("weight_decay", .float, default: .float(value), minimum: 0, maximum: 1e30, summary)
  }

  static var decoupledWeightDecay: AttributeSpec {
    AttributeSpec(
      "decoupled_weight_decay", .bool, default: .bool(false),
      "Subtract learning_rate·weight_decay·w from w instead, as adamw does.")
  }
}
