import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Runs a plugin's layer through its callbacks, without a plan: every byte that it may touch is the proof's.
final class ForeignRunner: LayerRunner {
  private let saved: [GuardedTensor]
  private let workspace: GuardedTensor?
  /// Replacements for inputs and outputs that backward declared it does not read.
  private let hidden: (inputs: [GuardedTensor], outputs: [GuardedTensor])
  private let infer: PreparedForeignCall
  private let train: PreparedForeignCall
  private let gradient: PreparedForeignCall?
  private let memory: Buffer
  private let threads: Int32

  override var scratch: [GuardedTensor] {
    saved + (workspace.map { [$0] } ?? []) + hidden.inputs + hidden.outputs
  }
  override var accumulatesInputs: Bool { true }

  private static let maximumPointers = 640

  init(_ subject: ProofSubject, _ layer: any ForeignLayer, rows: Int, wanted: Wanted, threads: Int32)
    throws(DenpaError)
  {
    self.threads = threads
    let inputTypes = subject.inputTypes.map { $0.withRows(rows) }
    let outputTypes = subject.outputTypes.map { $0.withRows(rows) }
    let concrete = try layer.outputs(inputTypes)
    guard concrete.map(\.shape) == outputTypes.map(\.shape) else {
      throw DenpaError(
        .proofFailed,
        "infer_shape answers \(list: concrete.map(\.shape.description)) for \(rows) rows and \(list: subject.outputTypes.map(\.shape.description)) for a symbolic batch"
      )
    }
    let savedTypes = try layer.saved(inputTypes)
    var saved: [GuardedTensor] = []
    for (index, type) in savedTypes.enumerated() { saved.append(try GuardedTensor("saved[\(index)]", type)) }
    self.saved = saved
    let bytes = try layer.workspace(inputTypes)
    if rows > 0 {
      let fewerTypes = subject.inputTypes.map { $0.withRows(rows - 1) }
      let fewer = try layer.workspace(fewerTypes)
      guard fewer <= bytes else {
        throw DenpaError(
          .proofFailed,
          "workspace needs \(fewer) bytes for \(rows - 1) rows and \(bytes) for \(rows): it must not shrink")
      }
      for (index, (less, more)) in zip(try layer.saved(fewerTypes), savedTypes).enumerated()
      where less.byteCount > more.byteCount {
        throw DenpaError(
          .proofFailed,
          "saved[\(index)] has \(less.byteCount) bytes for \(rows - 1) rows and \(more.byteCount) for \(rows): it must not shrink"
        )
      }
    }
    workspace = bytes > 0 ? try GuardedTensor("workspace", TensorType(.uint8, [bytes])) : nil
    var hiddenInputs: [GuardedTensor] = [], hiddenOutputs: [GuardedTensor] = []
    if !layer.needs.inputs {
      for (index, type) in inputTypes.enumerated() {
        hiddenInputs.append(try GuardedTensor("inputs[\(index)]", type))
      }
    }
    if !layer.needs.outputs {
      for (index, type) in outputTypes.enumerated() {
        hiddenOutputs.append(try GuardedTensor("outputs[\(index)]", type))
      }
    }
    hidden = (hiddenInputs, hiddenOutputs)
    func prepare(_ backward: Bool, _ saved: [TensorType]) throws(DenpaError) -> PreparedForeignCall {
      try layer.prepare(
        ForeignCall(
          node: "sample", nodeIndex: subject.nodeIndex, backward: backward, rows: rows, inputs: inputTypes,
          outputs: outputTypes,
          parameters: subject.parameterTypes, saved: saved))
    }
    infer = try prepare(false, [])
    train = try prepare(false, savedTypes)
    gradient = subject.definition.spec.differentiable ? try prepare(true, savedTypes) : nil
    memory = try Buffer(byteCount: ForeignRunner.maximumPointers * 16, zeroed: true, "a proof")
    try super.init(subject, rows: rows, wanted: wanted)
  }

  override func reset(first: Int = 0, poison: Int = 0) {
    super.reset(first: first, poison: poison)
    for tensor in scratch { tensor.poison(poison) }
  }

  override func forward(training: Bool) throws(DenpaError) {
    let kept = training ? saved : []
    try call(
      training ? train : infer, inputs + outputs + parameters + kept, [], accumulate: false,
      training: training)
  }

  override func backward(accumulate: Bool) throws(DenpaError) {
    guard let gradient else { return }
    workspace?.poison(0)
    let known =
      (hidden.inputs.isEmpty ? inputs : hidden.inputs) + (hidden.outputs.isEmpty ? outputs : hidden.outputs)
    try call(
      gradient, known + parameters + saved + doutputs, dinputs + dparameters, accumulate: accumulate,
      training: true)
  }

  private func call(
    _ prepared: PreparedForeignCall, _ tensors: [GuardedTensor], _ gradients: [GuardedTensor?],
    accumulate: Bool,
    training: Bool
  ) throws(DenpaError) {
    let pointers = memory.base.bindMemory(
      to: UnsafeMutableRawPointer?.self, capacity: ForeignRunner.maximumPointers)
    let flags = (memory.base + ForeignRunner.maximumPointers * 8).bindMemory(
      to: Int32.self, capacity: ForeignRunner.maximumPointers)
    let all = tensors.map { Optional($0) } + gradients
    guard all.count <= ForeignRunner.maximumPointers else {
      throw DenpaError(.limitExceeded, "more than \(ForeignRunner.maximumPointers) tensors in one call")
    }
    for (index, tensor) in all.enumerated() { pointers[index] = tensor?.data }
    for index in gradients.indices { flags[index] = accumulate ? 1 : 0 }
    var arguments = ForeignArguments(
      context: Unmanaged.passUnretained(prepared.context).toOpaque(), pointers: pointers,
      pointerCount: all.count,
      accumulate: flags, workspace: workspace?.data)
    var failure = ForeignFailure()
    var run = Run(
      parallel: threads > 1 ? ThreadPool.parallel : Run.inline, threads: threads, training: training ? 1 : 0,
      seed: subject.model.seed, draw: EngineRunner.draw)
    let answer = withExtendedLifetime(prepared.context) {
      withUnsafeMutablePointer(to: &failure) { failure in
        run.failure = UnsafeMutableRawPointer(failure)
        return prepared.step(&arguments, &run)
      }
    }
    guard answer == 0 else { throw DenpaError(.proofFailed, failure.message) }
  }
}
