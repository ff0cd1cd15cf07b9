import DenpaCore
import DenpaKernelTypes

/// A plan with its memory, which runs the plan's steps. Only one thread may use it at a time.
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
  /// For each parameter, not 0 if its gradient is not finite.
  let flags: UnsafeMutablePointer<Int32>
  /// The index of the class number or integer that a step refused.
  let badRow: UnsafeMutablePointer<Int64>
  let flagCount: Int
  let isDouble: Bool
  let seed: UInt64
  private let infers: Bool
  let isGuarded: Bool
  /// Whether the plan writes the gradient of every trained parameter.
  public let isComplete: Bool
  private let control: Buffer
  let failure: UnsafeMutablePointer<ForeignFailure>
  private let run: UnsafeMutablePointer<Run>
  /// The caller's memory for each slot in the current call.
  public let slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// The rows of the bound batch, if it is a part of the caller's data.
  public var batchRows = BatchRows()
  /// Memory in which slots are converted to the plan's dtype; allocated for the largest batch when it is
  /// first needed.
  var staging: [Buffer?]
  var stagedOutputs: [StagedOutput] = []
  /// What `rebind` compares a call with, and what it needs to know about each slot.
  var bound = BoundTypes()
  let boundSlots: UnsafeMutablePointer<BoundSlot>
  private(set) var programs = ProgramCache()
  /// The program of the last call; `programs` keeps its memory.
  let current: UnsafeMutablePointer<Program>
  /// The location of each loss term's value, and its weight.
  let lossCells: UnsafeMutableBufferPointer<LossCell>

  /// Whether the last run failed in backward, so that some of the gradients may have been written.
  public private(set) var hasBegunBackward = false

  struct LossCell {
    var value: UnsafeMutableRawPointer
    var weight: Double
  }

  /// `shared` is the arena of another executor, which takes turns with this one and whose values are no
  /// longer needed when this one runs. It is used if it is large enough.
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
    let boundBytes = Arena.aligned(MemoryLayout<BoundSlot>.stride * plan.slots.count)
    control = try Buffer(
      byteCount: 192 + flagBytes + slotBytes + failureBytes + programBytes + lossBytes + boundBytes,
      zeroed: true,
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
    boundSlots = (behind + programBytes + lossBytes).bindMemory(
      to: BoundSlot.self, capacity: plan.slots.count)
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

  // MARK: Running

  /// Makes the arguments for a number of rows, or finds those made before.
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

  /// Makes the arguments for every number of rows up to the plan's maximum, and keeps all of them.
  public func prepareAll() throws(DenpaError) {
    programs.limit = plan.maximumRows + 1
    for rows in (0...plan.maximumRows).reversed() { try prepare(rows: rows) }
  }

  public enum Part: Sendable { case forward, backward, all }

  /// Runs the steps for `rows` rows with the bound slots and the parameters at `parameters`. With
  /// `accumulate`, gradients of parameters are added to the existing ones. `draw` is the number of the
  /// forward by which random numbers are keyed.
  public func execute(
    rows: Int, parameters: UnsafeMutableRawPointer, part: Part = .all, accumulate: Bool = false,
    training: Bool = true, draw: UInt64 = 0
  ) throws(DenpaError) {
    let (steps, forward, behind) = try begin(rows, parameters, accumulate, training, draw)
    let first = part == .backward ? forward : steps
    let end = part == .forward ? forward : behind
    if !isGuarded { return try walk(first, end, forward) }
    // Taken out of the executor, so that a run that fails leaves no outputs to be copied by the next one.
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
    // The outputs were written to memory that ends at an inaccessible page.
    for output in outputs { output.data.copyMemory(from: output.staged, byteCount: output.byteCount) }
  }

  /// Runs all steps, one kernel call at a time, and calls `look` with the ops that each call completed, until
  /// it returns false. The plan must only read its slots.
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
      // An op may need several calls, and a call may perform several ops.
      let following = next < end ? next.pointee.op : plan.ops.count
      if following > op, !look(op..<following) { return }
    }
  }

  /// Binds what changes from call to call. Returns the beginning of the program's steps, the beginning of
  /// those of backward, and the end.
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

  /// Fills the values with NaN before a run in guard mode, so that reading a value that was not written is
  /// noticed.
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
