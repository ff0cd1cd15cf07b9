import DenpaCore
import DenpaGraph

/// Finds where NaN or infinity began in a step that has failed.
enum NonFinite {
  /// Runs the failed step again with a plan that keeps every value, and returns a description of the first
  /// tensor, in the order of computation, that is not finite.
  static func origin(_ failed: Executor, _ trainer: Trainer, _ rows: Int) throws(DenpaError) -> Message? {
    var request = PlanRequest(.observe, maximumRows: rows, threads: 1)
    request.extents = failed.plan.extents
    request.losses = trainer.options.losses
    request.trainable = trainer.parameters.map(\.isTrained)
    let slots = failed.plan.slots
    request.targets = slots.filter { $0.kind == .target }.map(\.type)
    let plan = try Plan(trainer.model, request)
    let gradients = try trainer.model.layout.makeBuffer(zeroed: true, "gradients")
    let executor = try Executor(plan, model: trainer.model, gradients: gradients)
    for (slot, description) in plan.slots.enumerated() {
      executor.slots[slot] = failed.slots[slot]
      if let data = failed.slots[slot], description.type.dtype.isFloat,
        !isFinite(data, description.type.withRows(rows))
      {
        return "\(executor.describe(slot)) has NaN or infinity in it"
      }
    }
    for (index, parameter) in trainer.parameters.enumerated()
    where !isFinite(
      trainer.weights.base + trainer.model.layout.offsets[index], parameter.type)
    { return "the parameter \"\(parameter.name)\" holds NaN or infinity" }
    // Each tensor is checked as soon as it is written, because later ops may add to it.
    var origin: Message?
    try executor.executeStepwise(rows: rows, parameters: trainer.weights.base, draw: trainer.forwardCount) {
      ops in
      for index in ops {
        let op = plan.ops[index]
        for case let destination? in op.writes where plan.tensors[destination.tensor].type.dtype.isFloat {
          guard !executor.isFinite(destination.tensor) else { continue }
          let node = plan.graph.nodes[op.node]
          let what = index < plan.forwardCount ? "its values" : "its gradients"
          origin = "\(node.kind) \"\(node.name)\": \(what) became NaN or infinite"
          return false
        }
      }
      return true
    }
    return origin
  }
}
