/// What is bound to which executor, whose owner keeps it: counting references again would be a part of a small
/// network's step.
public struct Batch {
  public let executor: Unmanaged<Executor>
  public let rows: Int

  public init(_ executor: Executor, rows: Int) { self.init(Unmanaged.passUnretained(executor), rows) }

  @inline(__always)
  fileprivate init(_ executor: Unmanaged<Executor>, _ rows: Int) {
    self.executor = executor
    self.rows = rows
  }
}

/// The executors of one purpose: each has a plan for certain extents and targets. Those used least recently
/// are dropped.
public struct ExecutorCache {
  static let limit = 8
  /// The last used first.
  private var executors: [Executor] = []
  /// The first of them.
  private var first: Unmanaged<Executor>?

  public init() {}

  /// The last used.
  var current: Executor? { executors.first }

  /// Binds a call that is like the one before; nil: it has to be checked.
  @inline(__always)
  public func rebind(_ inputs: TensorList, _ others: TensorList) -> Batch? {
    guard let first, let rows = first._withUnsafeGuaranteedRef({ $0.rebind(inputs, others) }) else {
      return nil
    }
    return Batch(first, rows)
  }

  @inline(__always)
  public func rebind(_ inputs: TensorList, outputs: TensorList) -> Batch? {
    guard let first, let rows = first._withUnsafeGuaranteedRef({ $0.rebind(inputs, outputs: outputs) }) else {
      return nil
    }
    return Batch(first, rows)
  }

  /// The last used executor that meets a condition.
  public mutating func find(_ condition: (Executor) -> Bool) -> Executor? {
    guard let index = executors.firstIndex(where: condition) else { return nil }
    let found = executors[index]
    if index > 0 { push(executors.remove(at: index)) }
    return found
  }

  /// Adds a new executor. It replaces one for the same types, whose batch was smaller.
  public mutating func insert(_ executor: Executor) {
    let types = executor.plan.slots.map(\.type)
    executors.removeAll { $0.plan.slots.map(\.type) == types }
    push(executor)
  }

  private mutating func push(_ executor: Executor) {
    executors.insert(executor, at: 0)
    if executors.count > ExecutorCache.limit { executors.removeLast() }
    first = Unmanaged.passUnretained(executor)
  }
}
