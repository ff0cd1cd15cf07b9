import CShim
import DenpaCore

/// Prediction: a plan with its own memory and thread count. Many sessions predict with one model at once.
public final class Session: @unchecked Sendable {
  public let model: Model
  public let maximumRows: Int
  public let isRealtime: Bool
  private let executor: Executor
  private let turn = Turn()
  /// A UInt32 that is 1 while a real-time session predicts.
  private let busy: Buffer
  private let inputSlots: Int
  private let outputSlots: Int
  public var inputCount: Int { inputSlots }
  public var outputCount: Int { outputSlots }

  public static let maximumRealtimeRows = 4096

  public init(_ model: Model, maximumRows: Int, threads: Int32, realtime: Bool) throws(DenpaError) {
    if realtime {
      guard threads == 1 else {
        throw DenpaError(.badArgument, "a real-time session needs threads = 1, got \(threads)")
      }
      guard maximumRows <= Session.maximumRealtimeRows else {
        throw DenpaError(
          .limitExceeded,
          "a real-time session has at most \(Session.maximumRealtimeRows) rows, got \(maximumRows)")
      }
      for node in model.graph.nodes where node.layer is any ForeignLayer {
        throw DenpaError(
          .notSupported,
          "\(node.kind) \"\(node.name)\": a plugin's layer may lock or allocate, so it cannot be in a real-time session"
        )
      }
    }
    self.model = model
    self.maximumRows = maximumRows
    isRealtime = realtime
    let plan = try Plan(model, PlanRequest(.infer, maximumRows: maximumRows, threads: threads))
    executor = try Executor(plan, model: model)
    busy = try Buffer(byteCount: 64, zeroed: true, "a session")
    inputSlots = model.graph.inputs.count
    outputSlots = model.outputs.count
    if realtime { try warmUp() }
    try checkMemory("a session")
  }

  /// Makes the arguments of every batch size, touches all memory and walks through the success and error
  /// paths once, so that nothing is left to be made at the first call.
  private func warmUp() throws(DenpaError) {
    for slot in 0..<inputSlots + outputSlots { _ = try executor.stagingMemory(slot, elements: 0) }
    try executor.prepareAll()
    for rows in [min(1, maximumRows), maximumRows] {
      try withParameters { base throws(DenpaError) in
        for slot in 0..<inputSlots + outputSlots {
          let type = executor.plan.slots[slot].type.withRows(rows)
          let memory = try executor.stagingMemory(slot, elements: type.shape.count)
          memory.initializeMemory(as: UInt8.self, repeating: 0, count: type.byteCount)
          executor.slots[slot] = memory
        }
        try executor.execute(rows: rows, parameters: base)
      }
    }
    do { _ = try executor.rowsOf(0, TensorView(nil, TensorType(.float32, [1, 1, 1, 1, 1, 1, 1, 1]))) } catch {
      error.message.withUTF8 { denpa_shim_error_write($0.baseAddress, $0.count) }
    }
  }

  private func withParameters(
    _ body: (UnsafeMutableRawPointer) throws(DenpaError) -> Void
  ) throws(DenpaError) {
    let (block, base) = model.store.acquire()
    defer { model.store.release(block) }
    try body(base)
  }

  /// Lets one thread in: the others wait, or of a real-time session are told that it is busy.
  public func enter() throws(DenpaError) {
    guard isRealtime else {
      guard turn.begin() else {
        throw Turn.refused("the session is predicting in this thread: a layer's callback must not use it")
      }
      return
    }
    guard denpa_atomic_exchange_u32(busy.base, 1) == 0 else {
      throw DenpaError(.busy, "the real-time session is in use by another thread")
    }
  }

  public func leave() {
    if isRealtime { denpa_atomic_store_u32(busy.base, 0) } else { turn.end() }
  }

  /// Computes the outputs. Every input has the same rows; outputs are written where the views point. Between
  /// `enter` and `leave`.
  public func predict(
    _ inputs: UnsafeBufferPointer<TensorView>, _ outputs: UnsafeBufferPointer<TensorView>
  ) throws(DenpaError) {
    guard inputs.count == inputSlots else {
      throw DenpaError(.badArgument, "the model has \(inputSlots) input(s), got \(inputs.count)")
    }
    guard outputs.count == outputSlots else {
      throw DenpaError(.badArgument, "the model has \(outputSlots) output(s), got \(outputs.count)")
    }
    let rows = try executor.bindInputs(inputs)
    for index in 0..<outputSlots { try executor.bindOutput(inputSlots + index, outputs[index], rows: rows) }
    try checkApart(inputs, outputs)
    try withParameters { base throws(DenpaError) in try executor.execute(rows: rows, parameters: base) }
  }
}

/// Refuses memory that is to be written if it overlaps memory that is read, or other memory that is written.
public func checkApart(
  _ read: UnsafeBufferPointer<TensorView>, _ written: UnsafeBufferPointer<TensorView>,
  _ reading: StaticString = "input", _ writing: StaticString = "output"
) throws(DenpaError) {
  for index in 0..<written.count {
    for other in 0..<read.count where written[index].overlaps(read[other]) {
      throw DenpaError(
        .badArgument, "the memory of \(writing) \(index) overlaps that of \(reading) \(other)")
    }
    for other in 0..<index where written[index].overlaps(written[other]) {
      throw DenpaError(
        .badArgument, "the memory of \(writing) \(index) overlaps that of \(writing) \(other)")
    }
  }
}

extension TensorView {
  fileprivate func overlaps(_ other: TensorView) -> Bool {
    guard data != nil, other.data != nil else { return false }
    let start = UInt(bitPattern: data), otherStart = UInt(bitPattern: other.data)
    let bytes = UInt(type.byteCount), otherBytes = UInt(other.type.byteCount)
    return bytes > 0 && otherBytes > 0 && start < otherStart &+ otherBytes && otherStart < start &+ bytes
  }
}

extension Executor {
  /// Binds the inputs of a batch, slots 0…; answers the rows that they agree on.
  public func bindInputs(_ inputs: UnsafeBufferPointer<TensorView>, first: Int = 0) throws(DenpaError) -> Int
  {
    guard inputs.count > 0 else { return 0 }
    let rows = try rowsOf(first, inputs[0])
    for index in 1..<max(inputs.count, 1) {
      let others = try rowsOf(first + index, inputs[index])
      guard others == rows else {
        throw DenpaError(
          .badShape, "\(describe(first + index)): expected \(rows) rows like the first tensor, got \(others)")
      }
    }
    for index in 0..<inputs.count { try bindChecked(first + index, inputs[index]) }
    return rows
  }
}
