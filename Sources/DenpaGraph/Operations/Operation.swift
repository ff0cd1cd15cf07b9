import DenpaCore
import DenpaKernelTypes

/// What one op of a plan computes. Each operation is one file in this folder: its attributes, the method of
/// `Recipe` that layers write it with, the memory it needs, its kernel calls, and what its errors say. Passes
/// know only those that they fuse (`Passes`), and nothing else in the engine knows any.
protocol Operation: Sendable {
  /// Whether its kernel can add to the destination with this number. If it cannot and has to, the plan
  /// inserts a temporary and adds the result from there.
  func adds(to destination: Int) -> Bool

  /// Whether its kernels take a view with gaps for the read, or destination, with this number. The plan
  /// copies views for those that do not. `layout`: for two rows; with more of them, only its first extent
  /// differs.
  func readsViews(_ read: Int) -> Bool
  func writesViews(_ destination: Int, _ layout: Layout) -> Bool

  /// Whether destinations that nobody reads may be left out one by one; an op is left out where nobody reads
  /// any.
  var writesWhatIsWanted: Bool { get }

  /// Bytes of memory that a call needs besides its tensors. Never more for fewer rows.
  func workspace(_ op: Op, _ sizes: Sizes) throws(DenpaError) -> Int

  /// How many additions and multiplications it is, and functions of a number, which count as one.
  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double

  /// Appends the op's kernel calls.
  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError)

  /// Appends one kernel call for `op` and those behind it, where the sizes make that worth while; returns how
  /// many they are, 0 where there is no such call.
  func lowerTogether(_ op: Op, _ following: ArraySlice<Op>, _ lowering: inout Lowering) throws(DenpaError)
    -> Int

  /// Why a kernel of the op returned `code`, which is not 0.
  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError
}

extension Operation {
  func adds(to destination: Int) -> Bool { false }
  func readsViews(_ read: Int) -> Bool { false }
  func writesViews(_ destination: Int, _ layout: Layout) -> Bool { false }
  var writesWhatIsWanted: Bool { true }
  func workspace(_ op: Op, _ sizes: Sizes) throws(DenpaError) -> Int { 0 }
  /// One for each element of the largest tensor.
  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double {
    var most = 0
    for tensor in op.reads { most = max(most, sizes.count(tensor)) }
    for destination in op.writes { most = max(most, destination.map { sizes.count($0.tensor) } ?? 0) }
    return Double(most)
  }
  func lowerTogether(_ op: Op, _ following: ArraySlice<Op>, _ lowering: inout Lowering) throws(DenpaError)
    -> Int
  { 0 }
  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    DenpaError(.internalError, "\(context.node): a kernel returned \(code)")
  }
}

/// An operation at its place in a plan: what it reads and writes. Recipes emit ops, passes rewrite them,
/// lowering turns them into kernel calls.
public struct Op: Sendable {
  var operation: any Operation
  public let node: Int
  var reads: [TensorID]
  /// nil: nobody wants this one.
  public internal(set) var writes: [Destination?]

  init(_ operation: some Operation, node: Int, reads: [TensorID], writes: [Destination?]) {
    self.operation = operation
    self.node = node
    self.reads = reads
    self.writes = writes
  }

  init(_ operation: some Operation, node: Int, reads: [TensorID], to tensor: TensorID) {
    self.init(operation, node: node, reads: reads, writes: [Destination(tensor: tensor)])
  }
}

/// The tensors' types for one number of rows, and what else decides how much memory a call needs.
struct Sizes {
  let tensors: [PlanTensor]
  let rows: Int
  let kernels: KernelTable
  let threads: Int32

  func type(_ id: TensorID) -> TensorType { tensors[id].type.withRows(rows) }
  func count(_ id: TensorID) -> Int { type(id).shape.count }
  func layout(_ id: TensorID) -> Layout { tensors.layout(id, rows: rows) }

  /// (everything but the last axis) × (last axis); one number is 1×1, and a batch alone, (rows,), is one row.
  func matrix(_ id: TensorID) -> (rows: Int, columns: Int) {
    let shape = type(id).shape
    guard let columns = shape.last else { return (1, 1) }
    var rows = 1
    for axis in 0..<shape.rank - 1 { rows *= shape[axis] }
    return (rows, columns)
  }
}

/// What an operation says of a failure with.
struct FailureContext {
  let executor: Executor
  /// The node by its kind and name: how each sentence begins.
  let node: Message

  func type(_ tensor: TensorID) -> TensorType { executor.plan.tensors[tensor].type }

  /// The number that a step did not take, and where the caller has it.
  func badNumber(_ tensor: TensorID) -> Message {
    let index = Int(executor.badRow.pointee)
    let type = type(tensor)
    let positions = max(type.shape.sample.count, 1)
    let row = executor.batchRows[index / positions]
    let place: Message = positions > 1 ? "row \(row), position \(index % positions)" : "row \(row)"
    guard !type.dtype.isFloat, let data = executor.values(of: tensor) else {
      return "another one in \(place)"
    }
    return "\(type.dtype.integer(data, index)) in \(place)"
  }

  /// What a call out of the engine has left.
  func takeForeign() -> ForeignFailure {
    let left = executor.failure.pointee
    executor.failure.pointee = ForeignFailure()
    return left
  }
}
