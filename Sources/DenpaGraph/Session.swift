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
  public func predict(_ inputs: TensorList, _ outputs: TensorList) throws(DenpaError) {
    let rows =
      if let known = executor.rebind(inputs, outputs: outputs) { known } else {
        try bind(inputs, outputs)
      }
    try withParameters { base throws(DenpaError) in try executor.execute(rows: rows, parameters: base) }
  }

  @inline(never)
  private func bind(_ inputs: TensorList, _ outputs: TensorList) throws(DenpaError) -> Int {
    let rows = try model.rows(of: inputs.views)
    guard outputs.count == outputSlots else {
      throw DenpaError(.badArgument, "the model has \(outputSlots) output(s), got \(outputs.count)")
    }
    guard rows <= maximumRows else {
      throw DenpaError(
        .badShape, "\(executor.describe(0)): \(rows) rows are more than max_batch, \(maximumRows)")
    }
    try executor.check(inputs, outputs: outputs, rows: rows)
    try executor.bind(inputs, outputs, rows: rows, isWritten: true)
    return rows
  }
}
