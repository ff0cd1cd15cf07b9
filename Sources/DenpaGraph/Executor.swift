import DenpaCore
import DenpaKernelTypes

/// A plan with memory: runs its steps. One thread at a time.
public final class Executor: @unchecked Sendable {
  public let plan: Plan
  let parameterLayout: ParameterLayout
  public let arena: Buffer
  /// Valid memory for a slot without elements.
  public var someMemory: UnsafeMutableRawPointer { arena.base }
  public var arenaBytes: Int { arena.byteCount }
  /// Gradients of the parameters, laid out like them; shared by the plans of one trainer.
  let gradients: Buffer?
  let constants: Buffer
  let constantOffsets: [Int]
  /// One for each parameter: its gradient is not finite.
  let flags: UnsafeMutablePointer<Int32>
  /// The index of a class number or integer that a step did not take.
  let badRow: UnsafeMutablePointer<Int64>
  let flagCount: Int
  let isDouble: Bool
  let seed: UInt64
  private let infers: Bool
  private let isGuarded: Bool
  /// The plan writes the gradient of every trained parameter.
  public let isComplete: Bool
  private let control: Buffer
  let failure: UnsafeMutablePointer<ForeignFailure>
  private let run: UnsafeMutablePointer<Run>
  /// The caller's memory of each slot, in this call.
  public let slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Of the batch that is bound, where it is a part of the caller's data.
  public var batchRows = BatchRows()
  /// Where slots are converted to the plan's dtype; made at first need, for the largest batch.
  private var staging: [Buffer?]
  private var stagedOutputs: [StagedOutput] = []
  private(set) var programs = ProgramCache()
  /// The program of the last call; `programs` keeps its memory.
  let current: UnsafeMutablePointer<Program>
  /// The value of each loss term, where it stands in memory.
  let lossCells: UnsafeMutableBufferPointer<LossCell>

  /// The last run failed in backward: some of the gradients may have been written.
  public private(set) var hasBegunBackward = false

  struct LossCell {
    var value: UnsafeMutableRawPointer
    var weight: Double
  }

  /// `shared`: the arena of another executor, which takes turns with this one and whose values nobody needs
  /// afterwards; used if it is large enough.
  public init(
    _ plan: Plan, model: Model, gradients: Buffer? = nil, sharing shared: Buffer? = nil
  ) throws(DenpaError) {
    self.plan = plan
    self.gradients = gradients
    seed = model.seed
    parameterLayout = model.layout
    if let shared, shared.byteCount >= plan.arenaBytes, !plan.isGuarded {
      arena = shared
    } else {
      arena = try Buffer(byteCount: plan.arenaBytes, zeroed: !plan.isGuarded, "the values of a batch")
    }
    for page in plan.forbiddenPages { arena.forbidPage(at: page) }
    var offsets = Array(repeating: 0, count: plan.tensors.count)
    var constantBytes = 0
    for (id, tensor) in plan.tensors.enumerated() {
      if case .constant = tensor.role {
        offsets[id] = constantBytes
        constantBytes += 8
      }
    }
    constantOffsets = offsets
    constants = try Buffer(byteCount: constantBytes, zeroed: true, "constants")
    for (id, tensor) in plan.tensors.enumerated() {
      guard case .constant(let value) = tensor.role else { continue }
      if plan.dtype == .float64 {
        constants.base.storeBytes(of: value, toByteOffset: offsets[id], as: Double.self)
      } else {
        constants.base.storeBytes(of: Float(value), toByteOffset: offsets[id], as: Float.self)
      }
    }
    flagCount = parameterLayout.offsets.count
    isDouble = plan.dtype == .float64
    infers = plan.mode == .infer
    isGuarded = plan.isGuarded
    isComplete = plan.unreachedParameters.isEmpty
    let flagBytes = Arena.aligned(4 * flagCount)
    let slotBytes = Arena.aligned(8 * plan.slots.count)
    let failureBytes = Arena.aligned(MemoryLayout<ForeignFailure>.stride)
    let programBytes = Arena.aligned(MemoryLayout<Program>.stride)
    let lossBytes = Arena.aligned(MemoryLayout<LossCell>.stride * plan.losses.count)
    control = try Buffer(
      byteCount: 192 + flagBytes + slotBytes + failureBytes + programBytes + lossBytes, zeroed: true,
      "a plan's state")
    run = control.base.bindMemory(to: Run.self, capacity: 1)
    badRow = (control.base + 128).bindMemory(to: Int64.self, capacity: 1)
    flags = (control.base + 192).bindMemory(to: Int32.self, capacity: parameterLayout.offsets.count)
    slots = (control.base + 192 + flagBytes).bindMemory(
      to: UnsafeMutableRawPointer?.self, capacity: plan.slots.count)
    failure = (control.base + 192 + flagBytes + slotBytes).bindMemory(to: ForeignFailure.self, capacity: 1)
    failure.initialize(to: ForeignFailure())
    let behind = control.base + 192 + flagBytes + slotBytes + failureBytes
    current = behind.bindMemory(to: Program.self, capacity: 1)
    current.pointee.rows = -1
    lossCells = UnsafeMutableBufferPointer(
      start: (behind + programBytes).bindMemory(to: LossCell.self, capacity: plan.losses.count),
      count: plan.losses.count)
    run.initialize(
      to: Run(
        parallel: plan.threads > 1 ? ThreadPool.parallel : Run.inline, threads: plan.threads,
        training: plan.mode == .infer ? 0 : 1, seed: model.seed))
    run.pointee.failure = UnsafeMutableRawPointer(failure)
    staging = Array(repeating: nil, count: plan.slots.count)
    for (index, term) in plan.losses.enumerated() {
      lossCells[index] = LossCell(value: values(of: term.tensor) ?? arena.base, weight: term.weight)
    }
    try checkMemory("a plan's state")
  }

  // MARK: Binding

  /// Checks a tensor against an input-like slot and binds it, converted where its dtype is another. Answers
  /// the rows; one sample without the batch counts as one row.
  public func bindInput(_ slot: Int, _ view: TensorView) throws(DenpaError) -> Int {
    let rows = try rowsOf(slot, view)
    try bindChecked(slot, view)
    return rows
  }

  /// The rows of a tensor that goes to a slot, or what is wrong with it.
  public func rowsOf(_ slot: Int, _ view: TensorView) throws(DenpaError) -> Int {
    let rows = try rowsOfAnySize(slot, view)
    guard rows <= plan.maximumRows else {
      throw DenpaError(
        .badShape, "\(describe(slot)): \(rows) rows are more than max_batch, \(plan.maximumRows)")
    }
    return rows
  }

  /// Likewise for data that is going to be cut into batches.
  public func rowsOfAnySize(_ slot: Int, _ view: TensorView) throws(DenpaError) -> Int {
    try view.rows(as: plan.slots[slot].type, describe(slot))
  }

  public func bindChecked(_ slot: Int, _ view: TensorView) throws(DenpaError) {
    let expected = plan.slots[slot].type.dtype
    guard let data = view.data else {
      slots[slot] = someMemory
      return
    }
    if view.type.dtype == expected, UInt(bitPattern: data) & UInt(expected.size - 1) == 0, !isGuarded {
      slots[slot] = data
      return
    }
    try view.checkFits(expected, describe(slot))
    let memory = try stagingMemory(slot, elements: view.type.shape.count)
    convert(data, view.type.dtype, to: memory, expected, count: view.type.shape.count)
    slots[slot] = memory
  }

  /// Memory of the executor's own for a slot's largest batch, of which `elements` are used: in guard mode the
  /// last ones, so that they end at an inaccessible page, aligned to an element like memory of a caller's.
  public func stagingMemory(_ slot: Int, elements: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    let memory: Buffer
    if let known = staging[slot] {
      memory = known
    } else {
      let type = plan.slots[slot].type.withRows(plan.maximumRows)
      memory = try Buffer(byteCount: type.byteCount, zeroed: false, "a converted batch")
      staging[slot] = memory
    }
    guard isGuarded else { return memory.base }
    stagedOutputs.removeAll { $0.slot == slot }
    GuardMode.poison(memory.base, memory.byteCount)
    return memory.base + (memory.paddedBytes - elements * plan.slots[slot].type.dtype.size)
  }

  /// Copies what is bound to a slot into memory of the executor's own, where it stays until the slot is bound
  /// again.
  public func keep(_ slot: Int, elements: Int) throws(DenpaError) {
    let bound = slots[slot]
    if let bound, let own = staging[slot], bound >= own.base, bound < own.base + own.paddedBytes {
      return
    }
    let memory = try stagingMemory(slot, elements: elements)
    if let bound { memory.copyMemory(from: bound, byteCount: elements * plan.slots[slot].type.dtype.size) }
    slots[slot] = memory
  }

  /// Checks memory that a slot's values are to be written to, for a batch of `rows`.
  public func checkOutput(_ slot: Int, _ view: TensorView, rows: Int) throws(DenpaError) {
    let expected = plan.slots[slot].type
    guard view.type.dtype == expected.dtype else {
      throw DenpaError(.badDType, "\(describe(slot)): expected \(expected.dtype), got \(view.type.dtype)")
    }
    let given = view.type.shape
    let wanted = expected.shape.withRows(rows)
    let sample = rows == 1 && given.rank == wanted.rank - 1 && given.matches(wanted, skip: 0)
    guard given == wanted || sample else {
      throw DenpaError(.badShape, "\(describe(slot)): expected room for \(wanted), got \(given)")
    }
    guard view.data != nil || given.count == 0 else {
      throw DenpaError(.badArgument, "\(describe(slot)): the tensor's data is NULL")
    }
    guard UInt(bitPattern: view.data) & UInt(expected.dtype.size - 1) == 0 else {
      throw DenpaError(.badArgument, "\(describe(slot)): the memory is not aligned for \(expected.dtype)")
    }
  }

  /// Checks memory that a slot's values are to be written to, and binds it.
  public func bindOutput(_ slot: Int, _ view: TensorView, rows: Int) throws(DenpaError) {
    try checkOutput(slot, view, rows: rows)
    guard let data = view.data else {
      slots[slot] = someMemory
      return
    }
    slots[slot] = data
    if isGuarded {
      let memory = try stagingMemory(slot, elements: view.type.shape.count)
      slots[slot] = memory
      stagedOutputs.append(
        StagedOutput(slot: slot, staged: memory, data: data, byteCount: view.type.byteCount))
    }
  }

  /// In guard mode: an output that is written to memory of the executor's own, and where it is copied
  /// afterwards.
  private struct StagedOutput {
    var slot: Int
    var staged: UnsafeMutableRawPointer
    var data: UnsafeMutableRawPointer
    var byteCount: Int
  }

  public func describe(_ slot: Int) -> Message {
    let description = plan.slots[slot]
    return switch description.kind {
    case .input: "input \"\(description.name)\""
    case .target: "\(description.name)"
    case .output: "output \"\(description.name)\""
    case .outputGradient: "gradient of output \"\(description.name)\""
    case .inputGradient: "gradient of input \"\(description.name)\""
    }
  }

  // MARK: Running

  /// Makes the arguments for a number of rows beforehand.
  public func prepare(rows: Int) throws(DenpaError) {
    guard current.pointee.rows != rows else { return }
    if let known = programs.program(rows: rows) {
      current.pointee = known
      return
    }
    let set = try Lowering.lower(self, rows: rows)
    try checkMemory("arguments")
    current.pointee = set.program
    programs.insert(set)
  }

  /// Makes the arguments for all numbers of rows up to the plan's largest one, for good.
  public func prepareAll() throws(DenpaError) {
    programs.limit = plan.maximumRows + 1
    for rows in (0...plan.maximumRows).reversed() { try prepare(rows: rows) }
  }

  public enum Part: Sendable { case forward, backward, all }

  /// Runs the steps for `rows` rows with the bound slots and the parameters at `parameters`. `accumulate`:
  /// gradients of parameters are added to what there is. `draw`: the number of the forward that random
  /// numbers belong to.
  public func execute(
    rows: Int, parameters: UnsafeMutableRawPointer, part: Part = .all, accumulate: Bool = false,
    training: Bool = true, draw: UInt64 = 0
  ) throws(DenpaError) {
    let (steps, forward, behind) = try begin(rows, parameters, accumulate, training, draw)
    let first = part == .backward ? forward : steps
    let end = part == .forward ? forward : behind
    if !isGuarded { return try walk(first, end, forward) }
    // What a run that fails was to write is nobody's afterwards.
    let outputs = stagedOutputs
    stagedOutputs = []
    if part != .backward {
      poisonValues()
      try walk(first, forward, forward)
    }
    if part != .forward {
      if !accumulate { poisonGradients() }
      try walk(forward, end, forward)
    }
    // The caller's memory gets what was written to memory beside an inaccessible page.
    for output in outputs { output.data.copyMemory(from: output.staged, byteCount: output.byteCount) }
  }

  /// Runs all steps one kernel call at a time, and calls `look` with the ops that each one was, until it
  /// returns false. For plans whose slots are all read.
  public func executeStepwise(
    rows: Int, parameters: UnsafeMutableRawPointer, draw: UInt64, look: (Range<Int>) -> Bool
  ) throws(DenpaError) {
    let (first, forward, end) = try begin(rows, parameters, false, true, draw)
    if isGuarded {
      poisonValues()
      poisonGradients()
    }
    var next = first
    while next < end {
      try walk(next, next + 1, forward)
      let op = next.pointee.op
      next += 1
      // An op may have several calls, and a call may be several ops.
      let following = next < end ? next.pointee.op : plan.ops.count
      if following > op, !look(op..<following) { return }
    }
  }

  /// Binds what changes from call to call; returns where the program's steps begin, where those of backward
  /// do, and where they end.
  @inline(__always)
  private func begin(
    _ rows: Int, _ parameters: UnsafeMutableRawPointer, _ accumulate: Bool, _ training: Bool, _ draw: UInt64
  ) throws(DenpaError) -> (
    UnsafeMutablePointer<StepRecord>, UnsafeMutablePointer<StepRecord>, UnsafeMutablePointer<StepRecord>
  ) {
    hasBegunBackward = false
    let program = current
    if program.pointee.rows != rows { try prepare(rows: rows) }
    for patch in program.pointee.slotPatches {
      patch.address.pointee = slots[patch.source].map { $0 + patch.offset }
    }
    let binding = program.pointee.binding
    if binding.pointee.parameters != parameters {
      for patch in program.pointee.parameterPatches { patch.address.pointee = parameters + patch.offset }
      binding.pointee.parameters = parameters
    }
    let wanted: Int32 = accumulate ? 1 : 0
    if binding.pointee.accumulate != wanted {
      for address in program.pointee.runtimePatches { address.pointee = wanted }
      binding.pointee.accumulate = wanted
    }
    run.pointee.draw = draw
    run.pointee.training = training && !infers ? 1 : 0
    let steps = program.pointee.steps
    return (steps, steps + program.pointee.forwardSteps, steps + program.pointee.stepCount)
  }

  @inline(__always)
  private func walk(
    _ first: UnsafeMutablePointer<StepRecord>, _ end: UnsafeMutablePointer<StepRecord>,
    _ forward: UnsafeMutablePointer<StepRecord>
  ) throws(DenpaError) {
    var next = first
    while next < end {
      let code = next.pointee.step(next.pointee.arguments, run)
      if code != 0 {
        hasBegunBackward = next >= forward
        throw failed(next.pointee.op, code)
      }
      next += 1
    }
  }

  /// In guard mode, before a run: what is read before it is written is NaN.
  private func poisonValues() {
    var start = 0
    for page in plan.forbiddenPages {
      GuardMode.poison(arena.base + start, page - start)
      start = page + GuardMode.pageBytes
    }
  }

  private func poisonGradients() {
    guard let gradients else { return }
    for number in plan.reachedParameters {
      GuardMode.poison(gradients.base + parameterLayout.offsets[number], parameterLayout.extents[number])
    }
  }
}
