import CShim
import DenpaCore

/// Prediction: a plan with its own memory and thread count. Many sessions predict with one model at once.
public final class Session: @unchecked Sendable {
  public let model: Model
  /// Rows that memory is laid out for; a larger batch makes it grow, except in a real-time session.
  public private(set) var maximumRows: Int
  public let isRealtime: Bool
  private let threads: Int32
  private var executors = ExecutorCache()
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
      guard !model.isOpen else {
        throw DenpaError(
          .notSupported, "a real-time session needs inputs without open extents (DENPA_ANY)")
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
    self.threads = threads
    busy = try Buffer(byteCount: 64, zeroed: true, "a session")
    inputSlots = model.graph.inputs.count
    outputSlots = model.outputs.count
    // Where extents are open, the first call says what memory is needed.
    if !model.isOpen {
      let executor = try makeExecutor(BatchSizes(rows: maximumRows))
      if realtime { try warmUp(executor) }
    }
    try checkMemory("a session")
  }

  /// Compiles a plan with room for a batch. All plans of a session share one arena.
  private func makeExecutor(_ sizes: BatchSizes) throws(DenpaError) -> Executor {
    let room = model.room(for: sizes, known: maximumRows)
    var request = PlanRequest(.infer, maximumRows: room, threads: threads)
    request.extents = sizes.extents
    let plan = try Plan(model, request)
    let executor = try Executor(plan, model: model, sharing: executors.current?.arena)
    executors.insert(executor)
    maximumRows = max(maximumRows, plan.maximumRows)
    return executor
  }

  /// Makes the arguments of every batch size, touches all memory and walks through the success and error
  /// paths once, so that nothing is left to be made at the first call.
  private func warmUp(_ executor: Executor) throws(DenpaError) {
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
    let batch =
      if let known = executors.rebind(inputs, outputs: outputs) { known } else {
        try bind(inputs, outputs)
      }
    let executor = batch.executor.takeUnretainedValue()
    try withParameters { base throws(DenpaError) in try executor.execute(rows: batch.rows, parameters: base) }
  }

  @inline(never)
  private func bind(_ inputs: TensorList, _ outputs: TensorList) throws(DenpaError) -> Batch {
    let sizes = try model.sizes(of: inputs.views)
    guard outputs.count == outputSlots else {
      throw DenpaError(.badArgument, "the model has \(outputSlots) output(s), got \(outputs.count)")
    }
    guard sizes.rows <= maximumRows || !isRealtime else {
      throw DenpaError(
        .badShape, "\(sizes.rows) rows are more than max_batch of this real-time session, \(maximumRows)")
    }
    let known = executors.find { $0.plan.hasRoom(for: sizes) }
    let executor = if let known { known } else { try makeExecutor(sizes) }
    try executor.check(inputs, outputs: outputs, rows: sizes.rows)
    try executor.bind(inputs, outputs, rows: sizes.rows, isWritten: true)
    return Batch(executor, rows: sizes.rows)
  }
}
