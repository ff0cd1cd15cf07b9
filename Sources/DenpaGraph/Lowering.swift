import DenpaCore
import DenpaKernelTypes

/// Turns the ops of a plan into kernel calls for one number of rows.
struct Lowering {
  let plan: Plan
  let rows: Int
  let arena: UnsafeMutableRawPointer
  let gradients: UnsafeMutableRawPointer?
  let gradientOffsets: [Int]
  let parameterOffsets: [Int]
  let constants: UnsafeMutableRawPointer
  let constantOffsets: [Int]
  let flags: UnsafeMutablePointer<Int32>
  let badRow: UnsafeMutablePointer<Int64>

  private(set) var memory: ArgumentMemory
  var steps: [StepRecord] = []
  var forwardSteps = 0
  var slotPatches: [Patch] = []
  var parameterPatches: [Patch] = []
  var runtimePatches: [UnsafeMutablePointer<Int32>] = []
  var contexts: [AnyObject] = []

  init(_ executor: Executor, rows: Int) throws(DenpaError) {
    plan = executor.plan
    self.rows = rows
    arena = executor.arena.base
    gradients = executor.gradients?.base
    gradientOffsets = executor.parameterLayout.offsets
    parameterOffsets = executor.parameterLayout.offsets
    constants = executor.constants.base
    constantOffsets = executor.constantOffsets
    flags = executor.flags
    badRow = executor.badRow
    memory = ArgumentMemory(expected: plan.ops.count * Lowering.commonBytes)
  }

  static func lower(_ executor: Executor, rows: Int) throws(DenpaError) -> ArgumentSet {
    var lowering = try Lowering(executor, rows: rows)
    let ops = lowering.plan.ops
    var index = 0
    while index < ops.count {
      let together = try lowering.lowerTogether(from: index)
      if together == 0 { try lowering.lower(ops[index], index) }
      // A loss that takes its gradient along is part of forward.
      if index < lowering.plan.forwardCount { lowering.forwardSteps = lowering.steps.count }
      index += max(together, 1)
    }
    try checkMemory("arguments")
    return try ArgumentSet(lowering)
  }

  /// What the arguments of most kernels take: a plan's first block of argument memory has room for so much each.
  private static let commonBytes = 192

  // MARK: Shapes

  func type(_ id: TensorID) -> TensorType { plan.tensors[id].type.withRows(rows) }
  func count(_ id: TensorID) -> Int { type(id).shape.count }
  /// (everything but the last axis) × (last axis); one number is 1×1.
  func matrix(_ id: TensorID) -> (rows: Int, columns: Int) {
    Lowering.matrix(type(id).shape)
  }

  private static func matrix(_ shape: Shape) -> (rows: Int, columns: Int) {
    guard let columns = shape.last else { return (1, 1) }
    var rows = 1
    for axis in 0..<shape.rank - 1 { rows *= shape[axis] }
    // A symbolic batch alone, (rows,), is a column.
    return shape.rank == 1 ? (1, columns) : (rows, columns)
  }

  static func productArguments(_ op: Op, _ tensors: [PlanTensor], rows: Int) -> ProductArguments {
    var arguments = ProductArguments()
    guard case .product(let transposeA, let transposeB, _, let function, let slope) = op.kind else { return arguments }
    let a = matrix(tensors[op.reads[0]].type.withRows(rows).shape)
    let b = matrix(tensors[op.reads[1]].type.withRows(rows).shape)
    arguments.m = transposeA ? a.columns : a.rows
    arguments.k = transposeA ? a.rows : a.columns
    arguments.n = transposeB ? b.rows : b.columns
    arguments.transposeA = transposeA ? 1 : 0
    arguments.transposeB = transposeB ? 1 : 0
    arguments.function = function.rawValue
    arguments.slopeFunction = slope?.rawValue ?? 0
    return arguments
  }

  // MARK: Pointers

  /// Writes the pointer of a tensor to `address`, now or at each call.
  mutating func place(_ id: TensorID, _ address: UnsafeMutableRawPointer) {
    let address = address.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    let base = plan.tensors.storage(id)
    switch plan.tensors[base].role {
    case .slot(let slot): slotPatches.append(Patch(address: address, source: slot))
    case .parameter(let number): parameterPatches.append(Patch(address: address, source: parameterOffsets[number]))
    case .parameterGradient(let number): address.pointee = gradients.map { $0 + gradientOffsets[number] }
    case .constant: address.pointee = constants + constantOffsets[base]
    case .temporary: address.pointee = arena + plan.offset(base, rows: rows)
    case .view: break
    }
  }

  /// Whether a tensor is 64-byte aligned and alone in its memory up to a multiple of 64 bytes.
  func isPadded(_ id: TensorID) -> Bool {
    switch plan.tensors[plan.tensors.storage(id)].role {
    case .temporary, .parameterGradient: true
    case .slot, .parameter, .constant, .view: false
    }
  }

  /// The workspace of a product in the arena; nil where it needs none.
  private func productWorkspace(_ op: Op, _ index: Int, _ arguments: inout ProductArguments) -> Mutable? {
    let offset = plan.workspaceOffsets[index]
    guard offset >= 0 else { return nil }
    guard plan.isGuarded else { return arena + offset }
    var largest = Lowering.productArguments(op, plan.tensors, rows: plan.maximumRows)
    return arena
      + plan.place(
        offset, planned: plan.kernels.productWorkspace(&largest, plan.threads),
        wanted: plan.kernels.productWorkspace(&arguments, plan.threads))
  }

  func flag(_ destination: Destination) -> Flag? {
    guard case .parameterGradient(let number) = plan.tensors[destination.tensor].role else { return nil }
    return flags + number
  }

  /// Memory for `count` values of argument memory, all of them `value`.
  mutating func reserve<T>(_ value: T, count: Int = 1) throws(DenpaError) -> UnsafeMutablePointer<T> {
    let address = try memory.reserve(MemoryLayout<T>.stride * count).bindMemory(to: T.self, capacity: count)
    address.initialize(repeating: value, count: count)
    return address
  }

  /// Adds one kernel call: its arguments, and which of their pointers is which tensor.
  mutating func emit<A>(
    _ step: @escaping Step, _ arguments: A, op: Int, _ pointers: [(PartialKeyPath<A>, TensorID)],
    accumulate: (WritableKeyPath<A, Int32>, Destination)? = nil
  ) throws(DenpaError) {
    let address = try reserve(arguments)
    for (path, tensor) in pointers {
      if let offset = MemoryLayout<A>.offset(of: path) { place(tensor, UnsafeMutableRawPointer(address) + offset) }
    }
    if let (path, destination) = accumulate {
      switch destination.mode {
      case .overwrite: break
      case .add: address.pointee[keyPath: path] = 1
      case .runtime:
        if let offset = MemoryLayout<A>.offset(of: path) {
          runtimePatches.append(
            (UnsafeMutableRawPointer(address) + offset).assumingMemoryBound(to: Int32.self))
        }
      }
    }
    steps.append(StepRecord(step: step, arguments: UnsafeRawPointer(address), op: op))
  }

  // MARK: Ops

  private mutating func lower(_ op: Op, _ index: Int) throws(DenpaError) {
    let kernels = plan.kernels
    if case .foreign(let layer, let direction, let layout) = op.kind {
      return try lowerForeign(op, index, layer, direction, layout)
    }
    guard let destination = op.writes[0] else {
      // Only a cross-entropy whose loss nobody wants, kept for its probabilities, has no first destination.
      return
    }
    let y = destination.tensor
    switch op.kind {
    case .product(_, _, let bias, _, let slope):
      var arguments = Lowering.productArguments(op, plan.tensors, rows: rows)
      arguments.flag = flag(destination)
      arguments.workspace = productWorkspace(op, index, &arguments)
      var pointers: [(PartialKeyPath<ProductArguments>, TensorID)] = [
        (\ProductArguments.a, op.reads[0]), (\ProductArguments.b, op.reads[1]), (\ProductArguments.c, y),
      ]
      if bias { pointers.append((\ProductArguments.bias, op.reads[2])) }
      if slope != nil { pointers.append((\ProductArguments.slopeOutput, op.reads[bias ? 3 : 2])) }
      arguments.isPadded = isPadded(y) ? 1 : 0
      let step = destination.mode == .overwrite ? kernels.productStep(&arguments) : nil
      try emit(
        step ?? kernels.product, arguments, op: index, pointers,
        accumulate: (\ProductArguments.accumulate, destination))
    case .map(let function):
      var arguments = MapArguments()
      arguments.count = count(y)
      arguments.function = function.rawValue
      try emit(
        kernels.map, arguments, op: index, [(\MapArguments.x, op.reads[0]), (\MapArguments.y, y)])
    case .mapGradient(let function):
      var arguments = MapGradientArguments()
      arguments.count = count(y)
      arguments.function = function.rawValue
      try emit(
        kernels.mapGradient, arguments, op: index,
        [
          (\MapGradientArguments.y, op.reads[0]), (\MapGradientArguments.dy, op.reads[1]),
          (\MapGradientArguments.dx, y),
        ], accumulate: (\MapGradientArguments.accumulate, destination))
    case .add:
      var arguments = AddArguments()
      arguments.count = count(y)
      try emit(
        kernels.add, arguments, op: index,
        [(\AddArguments.a, op.reads[0]), (\AddArguments.b, op.reads[1]), (\AddArguments.y, y)])
    case .copy where !type(y).dtype.isFloat:
      try emit(
        copyStep, CopyArguments(byteCount: type(y).byteCount), op: index,
        [(\CopyArguments.x, op.reads[0]), (\CopyArguments.y, y)])
    case .copy(let scale):
      var arguments = ScaleArguments()
      arguments.count = count(y)
      arguments.scale = scale
      arguments.flag = flag(destination)
      try emit(
        kernels.scale, arguments, op: index, [(\ScaleArguments.x, op.reads[0]), (\ScaleArguments.y, y)],
        accumulate: (\ScaleArguments.accumulate, destination))
    case .zero:
      try emit(
        zeroStep, ZeroArguments(byteCount: type(y).byteCount), op: index, [(\ZeroArguments.y, y)],
        accumulate: (\ZeroArguments.accumulate, destination))
    case .integers(let classes):
      var arguments = IntegerArguments()
      arguments.count = count(y)
      arguments.from = type(op.reads[0]).dtype
      arguments.to = type(y).dtype
      arguments.classes = classes.map { Int64($0) } ?? -1
      arguments.badRow = badRow
      try emit(
        integerStep, arguments, op: index, [(\IntegerArguments.x, op.reads[0]), (\IntegerArguments.y, y)])
    case .columnSum:
      let (rows, columns) = matrix(op.reads[0])
      var arguments = ColumnSumArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.flag = flag(destination)
      try emit(
        kernels.columnSum, arguments, op: index,
        [(\ColumnSumArguments.x, op.reads[0]), (\ColumnSumArguments.y, y)],
        accumulate: (\ColumnSumArguments.accumulate, destination))
    case .softmax:
      let (rows, columns) = matrix(y)
      var arguments = SoftmaxArguments()
      arguments.rows = rows
      arguments.columns = columns
      try emit(
        kernels.softmax, arguments, op: index, [(\SoftmaxArguments.x, op.reads[0]), (\SoftmaxArguments.y, y)])
    case .softmaxGradient:
      let (rows, columns) = matrix(y)
      var arguments = SoftmaxGradientArguments()
      arguments.rows = rows
      arguments.columns = columns
      try emit(
        kernels.softmaxGradient, arguments, op: index,
        [
          (\SoftmaxGradientArguments.y, op.reads[0]), (\SoftmaxGradientArguments.dy, op.reads[1]),
          (\SoftmaxGradientArguments.dx, y),
        ], accumulate: (\SoftmaxGradientArguments.accumulate, destination))
    case .crossEntropy, .crossEntropyGradient, .squaredError, .squaredErrorGradient:
      try lowerLoss(op, index, destination)
    case .foreign: break
    }
  }

  /// Rows of a loss: a prediction (rows,) is a column of single values.
  private func lossMatrix(_ id: TensorID) -> (rows: Int, columns: Int) {
    let shape = type(id).shape
    return shape.rank == 1 ? (shape[0], 1) : matrix(id)
  }

  func squaredErrorArguments(
    _ prediction: TensorID, _ factor: Double, _ reduction: Reduction
  ) -> SquaredErrorArguments {
    var arguments = SquaredErrorArguments()
    (arguments.rows, arguments.columns) = lossMatrix(prediction)
    arguments.scale = factor * reduction.scale(elements: arguments.rows * arguments.columns, batch: rows)
    arguments.perRow = reduction == .none ? 1 : 0
    return arguments
  }

  private mutating func lowerLoss(_ op: Op, _ index: Int, _ destination: Destination) throws(DenpaError) {
    let y = destination.tensor
    let (rows, columns) = lossMatrix(op.reads[0])
    let batch = self.rows
    let targetKind: TargetKind =
      switch plan.tensors[op.reads[1]].type.dtype {
      case .float32, .float64: .rows
      case .int32: .int32
      case .int64: .int64
      case .uint8: .uint8
      }
    switch op.kind {
    case .crossEntropy(let fromLogits, let epsilon, let reduction):
      var arguments = CrossEntropyArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.fromLogits = fromLogits ? 1 : 0
      arguments.targetKind = targetKind.rawValue
      arguments.epsilon = epsilon
      arguments.scale = reduction.scale(elements: rows, batch: batch)
      arguments.perRow = reduction == .none ? 1 : 0
      arguments.badRow = badRow
      var pointers: [(PartialKeyPath<CrossEntropyArguments>, TensorID)] = [
        (\CrossEntropyArguments.prediction, op.reads[0]), (\CrossEntropyArguments.target, op.reads[1]),
        (\CrossEntropyArguments.loss, y),
      ]
      if let probabilities = op.writes[1] {
        pointers.append((\CrossEntropyArguments.probabilities, probabilities.tensor))
      }
      try emit(plan.kernels.crossEntropy, arguments, op: index, pointers)
    case .crossEntropyGradient(let fromLogits, let epsilon, let reduction):
      var arguments = CrossEntropyGradientArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.fromLogits = fromLogits ? 1 : 0
      arguments.targetKind = targetKind.rawValue
      arguments.epsilon = epsilon
      arguments.scale = reduction.scale(elements: rows, batch: batch)
      arguments.perRow = reduction == .none ? 1 : 0
      try emit(
        plan.kernels.crossEntropyGradient, arguments, op: index,
        [
          (\CrossEntropyGradientArguments.probabilities, op.reads[0]),
          (\CrossEntropyGradientArguments.target, op.reads[1]), (\CrossEntropyGradientArguments.dloss, op.reads[2]),
          (\CrossEntropyGradientArguments.dx, y),
        ], accumulate: (\CrossEntropyGradientArguments.accumulate, destination))
    case .squaredError(let factor, let reduction):
      try emit(
        plan.kernels.squaredError, squaredErrorArguments(op.reads[0], factor, reduction), op: index,
        [
          (\SquaredErrorArguments.prediction, op.reads[0]), (\SquaredErrorArguments.target, op.reads[1]),
          (\SquaredErrorArguments.loss, y),
        ])
    case .squaredErrorGradient(let factor, let reduction):
      var arguments = SquaredErrorGradientArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.scale = factor * reduction.scale(elements: rows * columns, batch: batch)
      arguments.perRow = reduction == .none ? 1 : 0
      try emit(
        plan.kernels.squaredErrorGradient, arguments, op: index,
        [
          (\SquaredErrorGradientArguments.prediction, op.reads[0]),
          (\SquaredErrorGradientArguments.target, op.reads[1]), (\SquaredErrorGradientArguments.dloss, op.reads[2]),
          (\SquaredErrorGradientArguments.dx, y),
        ], accumulate: (\SquaredErrorGradientArguments.accumulate, destination))
    default: break
    }
  }
}
