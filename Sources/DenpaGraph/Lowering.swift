import DenpaCore
import DenpaKernelTypes

/// Turns the ops of a plan into kernel calls for one number of rows.
struct Lowering {
  let plan: Plan
  let sizes: Sizes
  let arena: UnsafeMutableRawPointer
  let gradients: UnsafeMutableRawPointer?
  let gradientOffsets: [Int]
  let parameterOffsets: [Int]
  let constants: UnsafeMutableRawPointer
  let constantOffsets: [Int]
  /// The model's, which random numbers are keyed by.
  let seed: UInt64
  let flags: UnsafeMutablePointer<Int32>
  let badRow: UnsafeMutablePointer<Int64>

  private(set) var memory: ArgumentMemory
  /// The op that is being lowered.
  private var current = 0
  private(set) var steps: [StepRecord] = []
  private(set) var forwardSteps = 0
  private(set) var slotPatches: [Patch] = []
  private(set) var parameterPatches: [Patch] = []
  private(set) var runtimePatches: [UnsafeMutablePointer<Int32>] = []
  private(set) var contexts: [AnyObject] = []

  init(_ executor: Executor, rows: Int) throws(DenpaError) {
    plan = executor.plan
    sizes = Sizes(tensors: plan.tensors, rows: rows, kernels: plan.kernels, threads: plan.threads)
    arena = executor.arena.base
    gradients = executor.gradients?.base
    gradientOffsets = executor.parameterLayout.offsets
    parameterOffsets = executor.parameterLayout.offsets
    constants = executor.constants.base
    constantOffsets = executor.constantOffsets
    seed = executor.seed
    flags = executor.flags
    badRow = executor.badRow
    memory = ArgumentMemory(expected: plan.ops.count * Lowering.commonBytes)
  }

  static func lower(_ executor: Executor, rows: Int) throws(DenpaError) -> ArgumentSet {
    var lowering = try Lowering(executor, rows: rows)
    let ops = lowering.plan.ops
    while lowering.current < ops.count {
      let op = ops[lowering.current]
      let together = try op.operation.lowerTogether(op, ops[(lowering.current + 1)...], &lowering)
      if together == 0 { try op.operation.lower(op, &lowering) }
      // A loss that takes its gradient along is part of forward.
      if lowering.current < lowering.plan.forwardCount { lowering.forwardSteps = lowering.steps.count }
      lowering.current += max(together, 1)
    }
    try checkMemory("arguments")
    return try ArgumentSet(lowering)
  }

  /// What the arguments of most kernels take: a plan's first block of argument memory has room for so much
  /// each.
  private static let commonBytes = 192

  // MARK: Pointers

  /// Writes the pointer of a tensor to `address`, now or at each call.
  mutating func place(_ id: TensorID, _ address: UnsafeMutableRawPointer) {
    let address = address.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    let base = plan.tensors.storage(id)
    let offset =
      base == id ? 0 : layout(id).offset * plan.tensors[id].type.dtype.size
    switch plan.tensors[base].role {
    case .slot(let slot): slotPatches.append(Patch(address: address, source: slot, offset: offset))
    case .parameter(let number):
      parameterPatches.append(Patch(address: address, source: 0, offset: parameterOffsets[number] + offset))
    case .parameterGradient(let number):
      address.pointee = gradients.map { $0 + (gradientOffsets[number] + offset) }
    case .constant: address.pointee = constants + (constantOffsets[base] + offset)
    case .temporary: address.pointee = arena + (plan.offset(base, rows: sizes.rows) + offset)
    case .view: break
    }
  }

  func layout(_ id: TensorID) -> Layout { sizes.layout(id) }

  /// Whether a tensor is 64-byte aligned and alone in its memory up to a multiple of 64 bytes.
  func isPadded(_ id: TensorID) -> Bool {
    guard !plan.tensors.isPart(id) else { return false }
    switch plan.tensors[plan.tensors.storage(id)].role {
    case .temporary, .parameterGradient: return true
    case .slot, .parameter, .constant, .view: return false
    }
  }

  /// The op's workspace in the arena; nil where it needs none.
  func workspace(_ op: Op) throws(DenpaError) -> UnsafeMutableRawPointer? {
    let place = plan.workspaces[current]
    let wanted = try op.operation.workspace(op, sizes)
    guard wanted <= place.byteCount else {
      throw DenpaError(
        .layerFailed,
        "its workspace has \(wanted) bytes with \(sizes.rows) rows and \(place.byteCount) with \(plan.maximumRows): \(Lowering.growth)"
      )
    }
    return wanted > 0 ? arena + plan.place(place.offset, planned: place.byteCount, wanted: wanted) : nil
  }

  static let growth: Message = "what a layer keeps must not shrink when the batch grows"

  /// The memory of a tensor that the plan has its largest size of, when it has `byteCount` bytes.
  func memory(of tensor: TensorID, byteCount: Int) -> UnsafeMutableRawPointer {
    let planned = plan.tensors[tensor].type.byteCount
    return arena + plan.place(plan.offsets[tensor], planned: planned, wanted: byteCount)
  }

  func isParameterGradient(_ id: TensorID) -> Bool {
    if case .parameterGradient = plan.tensors[id].role { true } else { false }
  }

  func isConstant(_ id: TensorID) -> Bool {
    if case .constant = plan.tensors[id].role { true } else { false }
  }

  func flag(_ destination: Destination) -> Flag? {
    let base = plan.tensors.storage(destination.tensor)
    guard case .parameterGradient(let number) = plan.tensors[base].role else { return nil }
    return flags + number
  }

  /// Memory for `count` values of argument memory, all of them `value`.
  mutating func reserve<T>(_ value: T, count: Int = 1) throws(DenpaError) -> UnsafeMutablePointer<T> {
    let address = try memory.reserve(MemoryLayout<T>.stride * count).bindMemory(to: T.self, capacity: count)
    address.initialize(repeating: value, count: count)
    return address
  }

  /// Keeps an object alive as long as the arguments; returns its address.
  mutating func keep(_ object: AnyObject) -> UnsafeMutableRawPointer {
    contexts.append(object)
    return Unmanaged.passUnretained(object).toOpaque()
  }

  /// Sets, now or at each call, whether what is written to a destination is added.
  mutating func setMode(_ accumulate: UnsafeMutablePointer<Int32>, _ destination: Destination) {
    switch destination.mode {
    case .overwrite: break
    case .add: accumulate.pointee = 1
    case .runtime: runtimePatches.append(accumulate)
    }
  }

  /// Appends one kernel call: its arguments, and which of their pointers is which tensor.
  mutating func emit<A>(
    _ step: @escaping Step, _ arguments: A, _ pointers: [(PartialKeyPath<A>, TensorID)],
    accumulate: (WritableKeyPath<A, Int32>, Destination)? = nil
  ) throws(DenpaError) {
    let address = UnsafeMutableRawPointer(try reserve(arguments))
    for (path, tensor) in pointers {
      if let offset = MemoryLayout<A>.offset(of: path) { place(tensor, address + offset) }
    }
    if let (path, destination) = accumulate, let offset = MemoryLayout<A>.offset(of: path) {
      setMode((address + offset).assumingMemoryBound(to: Int32.self), destination)
    }
    steps.append(StepRecord(step: step, arguments: UnsafeRawPointer(address), op: current))
  }
}
