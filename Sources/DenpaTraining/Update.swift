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

/// The attributes that Adam and its relatives have in common.
struct Moments: Sendable {
  let learningRate: Double
  let beta1: Double
  let beta2: Double
  let epsilon: Double
  let weightDecay: Double
  /// Whether the weight decay bypasses the moments, as in AdamW.
  let isDecoupled: Bool

  init(_ attributes: Attributes, isDecoupled: Bool = false) {
    learningRate = attributes.float("learning_rate")
    beta1 = attributes.float("beta1")
    beta2 = attributes.float("beta2")
    epsilon = attributes.float("epsilon")
    weightDecay = attributes.float("weight_decay")
    self.isDecoupled = isDecoupled
  }

  /// What the kernel `update` is given of them, and of what the optimizer's own steps are computed from.
  func prepared<Own>(_ rule: UpdateRule, _ span: OptimizerSpan, own: Own) -> Prepared<Own> {
    var arguments = UpdateArguments(rule, span)
    arguments.beta1 = beta1
    arguments.beta2 = beta2
    arguments.epsilon = epsilon
    arguments.weightDecay = isDecoupled ? 0 : weightDecay
    return Prepared(arguments: arguments, decoupledDecay: isDecoupled ? weightDecay : 0, own: own)
  }
}

extension AdamArguments {
  /// The arguments for a span of which the first two of `state` are the moments.
  init(_ moments: Moments, _ span: OptimizerSpan) {
    self.init()
    count = span.count
    gradient = span.gradient
    first = span.state[0]
    second = span.state[1]
    beta1 = moments.beta1
    beta2 = moments.beta2
    epsilon = moments.epsilon
  }

  /// Sets the corrections for step `t`.
  mutating func correct(_ t: Int64) {
    correction1 = correction(beta1, t)
    correction2 = correction(beta2, t)
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

/// Returns the sum of the squares of `count` elements, computed by the kernel `sumSquares`.
func sumOfSquares(
  _ kernel: Step, _ x: UnsafeRawPointer?, _ count: Int, _ run: UnsafeMutableRawPointer
) -> Double {
  var total = 0.0
  var arguments = SumSquaresArguments()
  arguments.count = count
  arguments.x = x
  withUnsafeMutablePointer(to: &total) {
    arguments.total = $0
    _ = kernel(&arguments, run)
  }
  return total
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
