import DenpaCore
import DenpaKernelTypes

/// Which rows of a caller's data a batch has, so that errors can name them: those at `order[first…]`, or from `first` on.
public struct BatchRows {
  private let order: UnsafePointer<Int64>?
  private let first: Int

  public init(order: UnsafePointer<Int64>? = nil, first: Int = 0) {
    self.order = order
    self.first = first
  }

  subscript(row: Int) -> Int { order.map { Int($0[first + row]) } ?? first + row }
}

/// A plan with memory: runs its steps. One thread at a time.
public final class Executor: @unchecked Sendable {
  public let plan: Plan
  let parameterLayout: ParameterLayout
  let arena: Buffer
  /// Valid memory for a slot without elements.
  public var someMemory: UnsafeMutableRawPointer { arena.base }
  public var arenaBytes: Int { arena.byteCount }
  /// Gradients of the parameters, laid out like them; shared by the plans of one trainer.
  let gradients: Buffer?
  let constants: Buffer
  let constantOffsets: [Int]
  /// One for each parameter: its gradient is not finite.
  let flags: UnsafeMutablePointer<Int32>
  let badRow: UnsafeMutablePointer<Int64>
  private let flagCount: Int
  private let isDouble: Bool
  private let infers: Bool
  private let control: Buffer
  private let failure: UnsafeMutablePointer<ForeignFailure>
  private let run: UnsafeMutablePointer<Run>
  /// The caller's memory of each slot, in this call.
  public let slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Of the batch that is bound, where it is a part of the caller's data.
  public var batchRows = BatchRows()
  /// Where slots are converted to the plan's dtype; made at first need, for the largest batch.
  private var staging: [Buffer?]
  private var sets: [Int: ArgumentSet] = [:]
  /// The program of the last call; `sets` keeps its memory.
  private let current: UnsafeMutablePointer<Program>
  /// The value of each loss term, where it stands in memory.
  private let lossCells: UnsafeMutableBufferPointer<LossCell>

  private struct LossCell {
    var value: UnsafeMutableRawPointer
    var weight: Double
  }

  public init(_ plan: Plan, model: Model, gradients: Buffer? = nil) throws(DenpaError) {
    self.plan = plan
    self.gradients = gradients
    parameterLayout = model.layout
    arena = try Buffer(byteCount: plan.arenaBytes, zeroed: true, "the values of a batch")
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
    let flagBytes = Arena.aligned(4 * flagCount)
    let slotBytes = Arena.aligned(8 * plan.slots.count)
    let failureBytes = Arena.aligned(MemoryLayout<ForeignFailure>.stride)
    let programBytes = Arena.aligned(MemoryLayout<Program>.stride)
    let lossBytes = Arena.aligned(MemoryLayout<LossCell>.stride * plan.losses.count)
    control = try Buffer(
      byteCount: 192 + flagBytes + slotBytes + failureBytes + programBytes + lossBytes, zeroed: true, "a plan's state")
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

  /// Checks a tensor against an input-like slot and binds it, converted where its dtype is another. Answers the rows; one
  /// sample without the batch counts as one row.
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
    let expected = plan.slots[slot].type
    let given = view.type.shape
    let rank = expected.shape.rank
    var rows = -1
    if rank > 0, given.rank == rank, Executor.sampleMatches(given, expected.shape, skip: 1) {
      rows = given[0]
    } else if given.rank == rank - 1, Executor.sampleMatches(given, expected.shape, skip: 0) {
      rows = 1
    }
    guard rows >= 0 else {
      throw DenpaError(.badShape, "\(describe(slot)): expected \(expected.shape), got \(given)")
    }
    if view.data == nil, given.count > 0 {
      throw DenpaError(.badArgument, "\(describe(slot)): the tensor's data is NULL")
    }
    let dtype = view.type.dtype
    guard dtype == expected.dtype || expected.dtype.isFloat || !dtype.isFloat else {
      throw DenpaError(.badDType, "\(describe(slot)): expected \(expected.dtype), got \(dtype)")
    }
    return rows
  }

  private static func sampleMatches(_ given: Shape, _ expected: Shape, skip: Int) -> Bool {
    for axis in skip..<max(given.rank, skip) where given[axis] != expected[axis + 1 - skip] { return false }
    return true
  }

  public func bindChecked(_ slot: Int, _ view: TensorView) throws(DenpaError) {
    let expected = plan.slots[slot].type.dtype
    guard let data = view.data else {
      slots[slot] = arena.base
      return
    }
    if view.type.dtype == expected, UInt(bitPattern: data) & UInt(expected.size - 1) == 0 {
      slots[slot] = data
      return
    }
    let memory = try stagingMemory(slot)
    convert(data, view.type.dtype, to: memory, expected, count: view.type.shape.count)
    slots[slot] = memory
  }

  /// Memory of the executor's own for a slot's largest batch.
  public func stagingMemory(_ slot: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    if let known = staging[slot] { return known.base }
    let type = plan.slots[slot].type.withRows(plan.maximumRows)
    let memory = try Buffer(byteCount: type.byteCount, zeroed: false, "a converted batch")
    staging[slot] = memory
    return memory.base
  }

  /// Checks memory that a slot's values are written to, for a batch of `rows`, and binds it.
  public func bindOutput(_ slot: Int, _ view: TensorView, rows: Int) throws(DenpaError) {
    let expected = plan.slots[slot].type
    guard view.type.dtype == expected.dtype else {
      throw DenpaError(.badDType, "\(describe(slot)): expected \(expected.dtype), got \(view.type.dtype)")
    }
    let given = view.type.shape
    let wanted = expected.shape.withRows(rows)
    let sample = rows == 1 && given.rank == wanted.rank - 1 && Executor.sampleMatches(given, wanted, skip: 0)
    guard given == wanted || sample else {
      throw DenpaError(.badShape, "\(describe(slot)): expected room for \(wanted), got \(given)")
    }
    guard let data = view.data else {
      guard given.count == 0 else {
        throw DenpaError(.badArgument, "\(describe(slot)): the tensor's data is NULL")
      }
      slots[slot] = arena.base
      return
    }
    guard UInt(bitPattern: data) & UInt(expected.dtype.size - 1) == 0 else {
      throw DenpaError(.badArgument, "\(describe(slot)): the memory is not aligned for \(expected.dtype)")
    }
    slots[slot] = data
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
    if let known = sets[rows] {
      current.pointee = known.program
      return
    }
    let set = try Lowering.lower(self, rows: rows)
    try checkMemory("arguments")
    sets[rows] = set
    current.pointee = set.program
  }

  public enum Part: Sendable { case forward, backward, all }

  /// Runs the steps for `rows` rows with the bound slots and the parameters at `parameters`. `accumulate`: gradients of parameters
  /// are added to what there is.
  public func execute(
    rows: Int, parameters: UnsafeMutableRawPointer, part: Part = .all, accumulate: Bool = false, training: Bool = true,
    step: UInt64 = 0
  ) throws(DenpaError) {
    let program = current
    if program.pointee.rows != rows { try prepare(rows: rows) }
    for patch in program.pointee.slotPatches { patch.address.pointee = slots[patch.source] }
    let binding = program.pointee.binding
    if binding.pointee.parameters != parameters {
      for patch in program.pointee.parameterPatches { patch.address.pointee = parameters + patch.source }
      binding.pointee.parameters = parameters
    }
    let wanted: Int32 = accumulate ? 1 : 0
    if binding.pointee.accumulate != wanted {
      for address in program.pointee.runtimePatches { address.pointee = wanted }
      binding.pointee.accumulate = wanted
    }
    run.pointee.step = step
    run.pointee.training = training && !infers ? 1 : 0
    let forward = program.pointee.steps + program.pointee.forwardSteps
    var next = part == .backward ? forward : program.pointee.steps
    let end = part == .forward ? forward : program.pointee.steps + program.pointee.stepCount
    while next < end {
      let code = next.pointee.step(next.pointee.arguments, run)
      if code != 0 { throw failed(next.pointee.op, code) }
      next += 1
    }
  }

  private func failed(_ index: Int, _ code: Int32) -> DenpaError {
    let op = plan.ops[index]
    let node = plan.graph.nodes[op.node]
    switch op.kind {
    case .crossEntropy:
      let row = Int(badRow.pointee)
      let shape = plan.tensors[op.reads[0]].type.shape
      let classes = shape.last ?? 1
      // Axes between the batch and the classes: a row has a class for each of their positions.
      let positions = max(shape.count / max(classes, 1), 1)
      let place: Message = positions > 1 ? ", position \(row % positions)" : ""
      var label = 0
      if case .slot(let slot) = plan.tensors[op.reads[1]].role, let data = slots[slot] {
        label =
          switch plan.slots[slot].type.dtype {
          case .int32: Int(data.loadUnaligned(fromByteOffset: row * 4, as: Int32.self))
          case .int64: Int(data.loadUnaligned(fromByteOffset: row * 8, as: Int64.self))
          default: Int(data.load(fromByteOffset: row, as: UInt8.self))
          }
      }
      return DenpaError(
        .badArgument,
        "\(node.kind) \"\(node.name)\": expected class numbers from 0 to \(classes - 1), got \(label) in row \(batchRows[row / positions])\(place)"
      )
    case .foreign:
      let answer = failure.pointee
      failure.pointee = ForeignFailure()
      return DenpaError(
        answer.status == .ok ? .layerFailed : answer.status, "\(node.kind) \"\(node.name)\": \(answer.message)")
    default:
      return DenpaError(.internalError, "\(node.kind) \"\(node.name)\": a kernel answered \(code)")
    }
  }

  // MARK: Looking

  /// Where a tensor's values are after a run; nil for what lives elsewhere.
  public func values(of tensor: TensorID) -> UnsafeMutableRawPointer? {
    var base = tensor
    while case .view(let next) = plan.tensors[base].role { base = next }
    switch plan.tensors[base].role {
    case .temporary: return plan.offsets[base] >= 0 ? arena.base + plan.offsets[base] : nil
    case .slot(let slot): return slots[slot]
    case .parameterGradient(let number): return gradients.map { $0.base + parameterLayout.offsets[number] }
    case .constant: return constants.base + constantOffsets[base]
    case .parameter, .view: return nil
    }
  }

  /// The weighted sum of the loss terms of the last run.
  public var loss: Double {
    var sum = 0.0
    for cell in lossCells {
      sum += cell.weight * (isDouble ? cell.value.load(as: Double.self) : Double(cell.value.load(as: Float.self)))
    }
    return sum
  }

  /// The first parameter whose gradient was not finite since the flags were last cleared; clears them.
  public func takeFlagged() -> Int? {
    var found: Int32 = 0
    for index in 0..<flagCount { found |= flags[index] }
    guard found != 0 else { return nil }
    let first = (0..<flagCount).first { flags[$0] != 0 }
    flags.update(repeating: 0, count: flagCount)
    return first
  }
}
