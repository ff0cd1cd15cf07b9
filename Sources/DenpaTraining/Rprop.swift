import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Rprop, resilient backpropagation: each weight has an individual step. It grows by `eta_plus` if the sign of
/// g is that of the last step, and shrinks by `eta_minus` if it is the opposite one, within `step_min` and
/// `step_max`. w ← w − sign(g)·step; after a change of sign, w stays, and the next step leaves its step as it
/// is.
///
/// Steps are initially `learning_rate`; another learning rate that is set later scales all of them. For full
/// batches: the signs of mini-batches' gradients change at random. Source: Riedmiller & Braun, 1993; the form
/// (iRprop−: Igel & Hüsken, 2000) and the defaults are PyTorch's.
struct Rprop: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "rprop",
    summary: "Steps of each weight's own size, from the signs of its gradients: for full batches.",
    details:
      "w ← w − sign(g)·step. Riedmiller & Braun, \"The RPROP Algorithm\", 1993; Igel & Hüsken (iRprop−), 2000.",
    attributes: [
      AttributeSpec(
        "learning_rate", .float, default: .float(0.01), minimum: 1e-30, maximum: 1e30,
        "The first step's size."),
      AttributeSpec(
        "eta_minus", .float, default: .float(0.5), minimum: 1e-30, maximum: 1,
        "What a step shrinks by when the sign changes."),
      AttributeSpec(
        "eta_plus", .float, default: .float(1.2), minimum: 1, maximum: 1e30,
        "What a step grows by when the sign stays."),
      AttributeSpec(
        "step_min", .float, default: .float(1e-6), minimum: 1e-30, maximum: 1e30, "The smallest step."),
      AttributeSpec(
        "step_max", .float, default: .float(50), minimum: 1e-30, maximum: 1e30, "The largest step."),
    ]
  ) { (attributes) throws(DenpaError) in
    let result = Rprop(
      learningRate: attributes.float("learning_rate"), etaMinus: attributes.float("eta_minus"),
      etaPlus: attributes.float("eta_plus"), stepMin: attributes.float("step_min"),
      stepMax: attributes.float("step_max"))
    guard result.stepMin <= result.stepMax else {
      throw DenpaError(.badArgument, "optimizer \"rprop\": step_min is larger than step_max")
    }
    return result
  }

  let learningRate: Double
  let etaMinus: Double
  let etaPlus: Double
  let stepMin: Double
  let stepMax: Double

  var state: [OptimizerState] {
    [OptimizerState("gradient"), OptimizerState("step", initial: learningRate)]
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = UpdateArguments(.rprop, span)
    arguments.shrinking = etaMinus
    arguments.growing = etaPlus
    arguments.leastStep = stepMin
    arguments.greatestStep = stepMax
    return OptimizerSweep(kernels, Prepared(arguments: arguments, own: learningRate), at: memory) {
      memory, _, rate in
      let prepared = memory.assumingMemoryBound(to: Prepared<Double>.self)
      prepared.pointee.arguments.step = rate / prepared.pointee.own
    }
  }
}
