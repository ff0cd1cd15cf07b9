import DenpaCore
import DenpaGraph

/// Runs a layer through the engine's plan, so that recipe, passes, lowering and kernels or callbacks are
/// proved together.
final class EngineRunner: LayerRunner {
  /// The forward by which random numbers are keyed: the same in both kinds of runner.
  static let draw: UInt64 = 3

  private let infer: Executor
  private let train: Executor?
  private let gradients: Buffer
  private let block: Buffer

  init(_ subject: ProofSubject, rows: Int, wanted: Wanted, threads: Int32) throws(DenpaError) {
    let model = try subject.model.copy()
    for (index, isWanted) in wanted.parameters.enumerated() {
      try model.setTrainable(model.parameters[index].name, isWanted)
    }
    gradients = try model.layout.makeBuffer(zeroed: true, "a proof")
    block = try model.layout.makeBuffer(zeroed: true, "a proof")
    infer = try Executor(
      try Plan(model, PlanRequest(.infer, maximumRows: max(rows, 1), threads: threads)), model: model)
    if subject.definition.spec.differentiable {
      var request = PlanRequest(.train, maximumRows: max(rows, 1), threads: threads)
      request.inputGradients = wanted.inputs.contains(true)
      train = try Executor(try Plan(model, request), model: model, gradients: gradients)
    } else {
      train = nil
    }
    try super.init(subject, rows: rows, wanted: wanted)
  }

  override func forward(training: Bool) throws(DenpaError) {
    guard training, let train else { return try run(infer, .all, accumulate: false) }
    try run(train, .forward, accumulate: false)
  }

  override func backward(accumulate: Bool) throws(DenpaError) {
    guard let train else { return }
    for (index, tensor) in dparameters.enumerated() {
      if let tensor {
        place(index, gradients).copyMemory(from: tensor.data, byteCount: tensor.type.byteCount)
      }
    }
    try run(train, .backward, accumulate: accumulate)
    for (index, tensor) in dparameters.enumerated() {
      if let tensor {
        tensor.data.copyMemory(from: place(index, gradients), byteCount: tensor.type.byteCount)
      }
    }
  }

  private func place(_ parameter: Int, _ buffer: Buffer) -> UnsafeMutableRawPointer {
    buffer.base + subject.model.layout.offsets[parameter]
  }

  private func run(_ executor: Executor, _ part: Executor.Part, accumulate: Bool) throws(DenpaError) {
    for (index, tensor) in parameters.enumerated() {
      place(index, block).copyMemory(from: tensor.data, byteCount: tensor.type.byteCount)
    }
    for (number, slot) in executor.plan.slots.enumerated() {
      executor.slots[number] = try tensor(slot).data
    }
    try executor.execute(
      rows: rows, parameters: block.base, part: part, accumulate: accumulate, draw: EngineRunner.draw)
    for (index, tensor) in parameters.enumerated() {
      tensor.data.copyMemory(from: place(index, block), byteCount: tensor.type.byteCount)
    }
  }

  private func tensor(_ slot: Slot) throws(DenpaError) -> GuardedTensor {
    switch slot.kind {
    case .input: return inputs[slot.index]
    case .output: return outputs[slot.index]
    case .outputGradient: return doutputs[slot.index]
    // The plan computes the gradients of all inputs or of none.
    case .inputGradient:
      if let wanted = dinputs[slot.index] { return wanted }
      return try unwanted(slot.index)
    case .target, .valueGradient:
      throw DenpaError(.internalError, "a plan of a single layer has neither targets nor inner values")
    }
  }

  private var unwantedTensors: [Int: GuardedTensor] = [:]

  private func unwanted(_ index: Int) throws(DenpaError) -> GuardedTensor {
    if let known = unwantedTensors[index] { return known }
    let made = try GuardedTensor("dinputs[\(index)]", subject.inputTypes[index].withRows(rows))
    unwantedTensors[index] = made
    return made
  }
}
