import DenpaCore
import DenpaGraph

/// Forward and backward one by one, for training loops of the caller's own.
extension Trainer {
  public func forward(
    _ inputs: UnsafeBufferPointer<TensorView>, _ outputs: UnsafeBufferPointer<TensorView>, training: Bool
  ) throws(DenpaError) {
    guard inputs.count == model.graph.inputs.count else {
      throw DenpaError(.badArgument, "the model has \(model.graph.inputs.count) input(s), got \(inputs.count)")
    }
    guard outputs.count == model.outputs.count else {
      throw DenpaError(.badArgument, "the model has \(model.outputs.count) output(s), got \(outputs.count)")
    }
    let executor = try openLoop(training: training)
    let rows = try executor.bindInputs(inputs)
    var next = 0
    for (slot, description) in executor.plan.slots.enumerated() where description.kind == .output {
      try executor.bindOutput(slot, outputs[next], rows: rows)
      next += 1
    }
    try checkApart(inputs, outputs)
    if training {
      openRows = nil
      // Backward reads the inputs again, when the caller's memory may be gone.
      for slot in 0..<inputs.count {
        let memory = try executor.stagingMemory(slot)
        if let bound = executor.slots[slot], bound != memory {
          memory.copyMemory(
            from: bound, byteCount: inputs[slot].type.shape.count * executor.plan.slots[slot].type.dtype.size)
        }
        executor.slots[slot] = memory
      }
    }
    try executor.execute(
      rows: rows, parameters: weights.base, part: .forward, training: training, step: UInt64(stepCount))
    if training { openRows = rows }
  }

  private func openLoop(training: Bool) throws(DenpaError) -> Executor {
    if let known = training ? openExecutor : inferExecutor { return known }
    let plan = try Plan(model, request(training ? .train : .infer, targets: []))
    let executor = try Executor(plan, model: model, gradients: training ? gradients : nil)
    if training { openExecutor = executor } else { inferExecutor = executor }
    return executor
  }

  public func backward(
    _ outputGradients: UnsafeBufferPointer<TensorView>, _ inputGradients: UnsafeBufferPointer<TensorView>?
  ) throws(DenpaError) {
    guard let executor = openExecutor, let rows = openRows else {
      throw DenpaError(
        .badState, "backward needs a forward with training = 1 before it, and the weights as they were then")
    }
    guard outputGradients.count == model.outputs.count else {
      throw DenpaError(
        .badArgument, "the model has \(model.outputs.count) output(s), got \(outputGradients.count) gradients")
    }
    for (slot, description) in executor.plan.slots.enumerated() where description.kind == .outputGradient {
      let view = outputGradients[description.index]
      if view.data == nil {
        let memory = try executor.stagingMemory(slot)
        memory.initializeMemory(
          as: UInt8.self, repeating: 0, count: description.type.withRows(rows).byteCount)
        executor.slots[slot] = memory
      } else {
        let given = try executor.bindInput(slot, view)
        guard given == rows else {
          throw DenpaError(
            .badShape, "gradient of output \"\(description.name)\": expected \(rows) rows, got \(given)")
        }
      }
    }
    try bindInputGradients(executor, inputGradients, rows: rows)
    openRows = nil
    try executor.execute(
      rows: rows, parameters: weights.base, part: .backward, accumulate: hasGradients, step: UInt64(stepCount))
    hasGradients = true
  }
}
