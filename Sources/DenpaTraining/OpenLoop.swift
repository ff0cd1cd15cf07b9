import DenpaCore
import DenpaGraph

/// Forward and backward, separately or together, for training loops written by the caller.
extension Trainer {
  public func forward(_ inputs: TensorList, _ outputs: TensorList, training: Bool) throws(DenpaError) {
    if !training, let batch = inferExecutors.rebind(inputs, outputs: outputs) {
      return try withExecutor(of: batch) { executor throws(DenpaError) in
        try executor.execute(rows: batch.rows, parameters: weights.base, part: .forward, training: false)
      }
    }
    guard outputs.count == model.outputs.count else {
      throw DenpaError(.badArgument, "the model has \(model.outputs.count) output(s), got \(outputs.count)")
    }
    let sizes = try model.sizes(of: inputs.views)
    let rows = sizes.rows
    let executor = try openLoop(training: training, sizes)
    // Everything is checked before anything is bound, so that after an error the bindings of an earlier
    // forward remain for its backward.
    try executor.check(inputs, outputs: outputs, rows: rows)
    if training {
      openForward = nil
      openExecutor = executor
    }
    try executor.bind(inputs, outputs, rows: rows, isWritten: true)
    guard training else {
      return try executor.execute(rows: rows, parameters: weights.base, part: .forward, training: false)
    }
    // Backward reads the inputs again, when the caller's memory may be gone.
    for slot in 0..<inputs.count { try executor.keep(slot, elements: inputs[slot].type.shape.count) }
    let draw = forwardCount
    try transaction(executor) { () throws(DenpaError) in
      try executor.execute(rows: rows, parameters: weights.base, part: .forward, draw: draw)
      if let name = states.firstNotFinite(in: weights.base) {
        throw DenpaError(.notFinite, "the state \"\(name)\" became NaN or infinite; it is what it was before")
      }
    }
    forwardCount += 1
    openForward = (rows, draw)
  }

  /// Returns an executor of the open loop with room for a batch, compiling a plan if there is none.
  func openLoop(training: Bool, _ sizes: BatchSizes) throws(DenpaError) -> Executor {
    func hasRoom(_ known: Executor) -> Bool { known.plan.hasRoom(for: sizes) }
    if let known = training ? openExecutors.find(hasRoom) : inferExecutors.find(hasRoom) { return known }
    let executor = try makeExecutor(training ? .train : .infer, targets: nil, sizes, waits: training)
    if training { openExecutors.insert(executor) } else { inferExecutors.insert(executor) }
    return executor
  }

  public func backward(
    _ outputGradients: UnsafeBufferPointer<TensorView>, _ inputGradients: UnsafeBufferPointer<TensorView>?
  ) throws(DenpaError) {
    guard let executor = openExecutor, let (rows, draw) = openForward else {
      throw DenpaError(
        .badState, "backward needs a forward with training = 1 before it, and the weights as they were then")
    }
    guard outputGradients.count == model.outputs.count else {
      throw DenpaError(
        .badArgument, "the model has \(model.outputs.count) output(s), got \(outputGradients.count) gradients"
      )
    }
    if let inputGradients {
      try checkApart(outputGradients, inputGradients, "output", "the gradient of input")
    }
    for (slot, description) in executor.plan.slots.enumerated() where description.kind == .outputGradient {
      let view = outputGradients[description.index]
      if view.data == nil {
        let type = description.type.withRows(rows)
        let memory = try executor.stagingMemory(slot, elements: type.shape.count)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: type.byteCount)
        executor.slots[slot] = memory
      } else {
        let given = try executor.rowsOf(slot, view)
        guard given == rows else {
          throw DenpaError(
            .badShape, "gradient of output \"\(description.name)\": expected \(rows) rows, got \(given)")
        }
        try executor.bindInput(slot, view)
      }
    }
    try bindInputGradients(executor, inputGradients, rows: rows)
    openForward = nil
    try transaction(executor) { () throws(DenpaError) in
      try executor.execute(
        rows: rows, parameters: weights.base, part: .backward, accumulate: hasGradients, draw: draw)
    }
    gathered(executor)
  }

  /// Adds the gradients of a batch to the existing ones. Returns its loss.
  public func addGradients(
    _ inputs: TensorList, _ targets: TensorList, inputGradients: UnsafeBufferPointer<TensorView>?
  ) throws(DenpaError) -> Double {
    if let inputGradients {
      try checkApart(inputs.views, inputGradients, "input", "the gradient of input")
      try checkApart(targets.views, inputGradients, "target", "the gradient of input")
    }
    let batch = try bindBatch(inputs, targets, training: true)
    return try withExecutor(of: batch) { executor throws(DenpaError) in
      try addGradients(executor, batch.rows, inputGradients)
    }
  }

  private func addGradients(
    _ executor: Executor, _ rows: Int, _ inputGradients: UnsafeBufferPointer<TensorView>?
  ) throws(DenpaError) -> Double {
    try bindInputGradients(executor, inputGradients, rows: rows)
    try transaction(executor) { () throws(DenpaError) in
      try executor.execute(rows: rows, parameters: weights.base, accumulate: hasGradients, draw: forwardCount)
    }
    gathered(executor)
    // Gradients that are not finite remain for inspection, and `step` refuses them. The layers' states are
    // restored to those before the batch.
    if executor.takeFlagged() == nil && executor.loss.isFinite {
      forwardCount += 1
    } else {
      states.restore(to: weights.base)
    }
    return executor.loss
  }

  /// Binds the memory for gradients of inputs: the caller's, or the executor's own for those that the caller
  /// does not want.
  func bindInputGradients(
    _ executor: Executor, _ views: UnsafeBufferPointer<TensorView>?, rows: Int = 0
  ) throws(DenpaError) {
    if let views {
      guard views.count == model.graph.inputs.count else {
        throw DenpaError(
          .badArgument, "the model has \(model.graph.inputs.count) input(s), got \(views.count) gradients")
      }
      for view in views where view.data != nil && !options.inputGradients {
        throw DenpaError(
          .badState, "gradients of inputs need a trainer made with input_gradients = 1")
      }
    }
    guard options.inputGradients || !gradientValues.isEmpty else { return }
    gradientExecutor = gradientValues.isEmpty ? nil : (executor, rows)
    for (slot, description) in executor.plan.slots.enumerated()
    where description.kind == .inputGradient || description.kind == .valueGradient {
      if description.kind == .inputGradient, let views, views[description.index].data != nil {
        try executor.checkOutput(slot, views[description.index], rows: rows)
        try executor.bindOutput(slot, views[description.index])
      } else {
        let elements = description.type.withRows(rows).shape.count
        executor.slots[slot] = try executor.stagingMemory(slot, elements: elements)
      }
    }
  }
}
