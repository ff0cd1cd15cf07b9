import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// A prepared forward or backward call: each run only copies pointers and calls the callback.
final class PluginCall: @unchecked Sendable {
  /// Kept alive as long as the call.
  private let instance: PluginInstance
  private let turn: Turn?
  private let callback: UnsafeRawPointer
  private let name: StaticString
  private let arena = CArena()
  private let call: UnsafeMutablePointer<denpa_call>
  private let text: UnsafeMutablePointer<FailureText>
  /// What chunks of divided work threw, in any thread.
  private let chunkText: UnsafeMutablePointer<FailureText>
  /// All tensors in the order of `ForeignArguments.pointers`.
  private let tensors: UnsafeMutablePointer<denpa_tensor>
  /// The number of them that are always present; the rest are gradients, which may be unwanted.
  private let present: Int
  /// Where the callback finds each wanted gradient, and whether the tensor can have one.
  private let gradients: UnsafeMutablePointer<UnsafeMutablePointer<denpa_tensor>?>
  private let isFloat: [Bool]
  private let accumulateParameters: Int

  init(_ layer: PluginLayer, _ described: ForeignCall) throws(DenpaError) {
    instance = layer.instance
    turn = layer.instance.turn
    guard let callback = described.backward ? layer.definition.layer.backward : layer.definition.layer.forward
    else {
      throw DenpaError(.notSupported, "the layer has no backward: it serves inference only")
    }
    self.callback = Callback.address(callback)
    name = described.backward ? "backward" : "forward"
    // Inference keeps nothing, but a layer may rely on its entries being there.
    let missing = Int(layer.definition.layer.saved_count) - described.saved.count
    let saved = described.saved + Array(repeating: TensorType(.uint8, [0]), count: max(missing, 0))
    let reads = described.inputs + described.outputs + described.parameters
    let wanted = described.backward ? described.inputs + described.parameters : []
    let behind = described.backward ? described.outputs + wanted : []
    let table = try arena.tensors(reads + described.saved + behind)
    tensors = table.tensors
    present = table.count - wanted.count
    gradients = try arena.allocate(UnsafeMutablePointer<denpa_tensor>?.self, wanted.count)
    isFloat = wanted.map(\.dtype.isFloat)
    accumulateParameters = described.inputs.count
    text = try arena.allocate(FailureText.self, 1)
    text.initialize(to: FailureText())
    chunkText = try arena.allocate(FailureText.self, 1)
    chunkText.initialize(to: FailureText())

    call = try arena.allocate(denpa_call.self, 1)
    call.pointee.struct_size = MemoryLayout<denpa_call>.size
    call.pointee.host = PluginHost.table
    call.pointee.user_data = layer.definition.userData
    call.pointee.instance = instance.pointer
    call.pointee.rows = Int64(described.rows)
    call.pointee.opaque.1 = UInt64(described.nodeIndex)
    call.pointee.opaque.2 = UInt64(UInt(bitPattern: chunkText))
    var next = table.readable
    call.pointee.inputs = next
    next += described.inputs.count
    call.pointee.outputs = next
    next += described.outputs.count
    call.pointee.parameters = next
    next += described.parameters.count
    call.pointee.saved = missing > 0 ? try arena.tensors(saved).readable : next
    next += described.saved.count
    guard described.backward else { return }
    call.pointee.doutputs = next
    let readable = UnsafeRawPointer(gradients).assumingMemoryBound(to: UnsafePointer<denpa_tensor>?.self)
    call.pointee.dinputs = readable
    call.pointee.dparameters = readable + described.inputs.count
  }

  static let step: Step = { raw, run in
    let arguments = raw.assumingMemoryBound(to: ForeignArguments.self)
    return Unmanaged<PluginCall>.fromOpaque(arguments.pointee.context)
      ._withUnsafeGuaranteedRef { $0.perform(arguments, run.assumingMemoryBound(to: Run.self)) }
  }

  private func perform(_ arguments: UnsafePointer<ForeignArguments>, _ run: UnsafeMutablePointer<Run>)
    -> Int32
  {
    guard let turn else { return compute(arguments, run) }
    guard turn.begin() else {
      let error = DenpaError(
        .badState,
        "it is at work in this thread and lets in one call at a time: its callback must not use its own network"
      )
      PluginCall.fail(run, error)
      return error.status.rawValue
    }
    defer { turn.end() }
    return compute(arguments, run)
  }

  private func compute(_ arguments: UnsafePointer<ForeignArguments>, _ run: UnsafeMutablePointer<Run>)
    -> Int32
  {
    let pointers = arguments.pointee.pointers
    for index in 0..<present { tensors[index].data = pointers[index] }
    for index in isFloat.indices {
      let data = isFloat[index] ? pointers[present + index] : nil
      tensors[present + index].data = data
      gradients[index] = data == nil ? nil : tensors + present + index
    }
    call.pointee.training = run.pointee.training
    call.pointee.workspace = arguments.pointee.workspace
    call.pointee.opaque.0 = UInt64(UInt(bitPattern: run))
    if call.pointee.dinputs != nil {
      call.pointee.accumulate_inputs = UnsafePointer(arguments.pointee.accumulate)
      call.pointee.accumulate_parameters = UnsafePointer(arguments.pointee.accumulate + accumulateParameters)
    }
    text.pointee.source = .nobody
    let answer = Callback.run(text) { denpa_shim_run(callback, call, Callback.note, text) }
    guard answer != 0 || text.pointee.isException || chunkText.pointee.claimed != 0 else { return 0 }
    return failed(answer, run)
  }

  @inline(never)
  private func failed(_ answer: Int32, _ run: UnsafeMutablePointer<Run>) -> Int32 {
    if !text.pointee.isException, chunkText.pointee.claimed != 0 { text.pointee = chunkText.pointee }
    let error = Callback.error(answer, text.pointee, name)
    text.pointee = FailureText()
    chunkText.pointee = FailureText()
    PluginCall.fail(run, error)
    return answer != 0 ? answer : error.status.rawValue
  }

  private static func fail(_ run: UnsafeMutablePointer<Run>, _ error: DenpaError) {
    guard let failure = run.pointee.failure?.assumingMemoryBound(to: ForeignFailure.self) else { return }
    failure.pointee.status = error.status
    failure.pointee.message = error.message
  }
}
