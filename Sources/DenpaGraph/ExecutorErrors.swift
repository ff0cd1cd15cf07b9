import DenpaCore

/// Which rows of a caller's data a batch has, so that errors can name them: those at `order[first…]`, or from
/// `first` on.
public struct BatchRows {
  private let order: UnsafePointer<Int64>?
  private let first: Int

  public init(order: UnsafePointer<Int64>? = nil, first: Int = 0) {
    self.order = order
    self.first = first
  }

  subscript(row: Int) -> Int { order.map { Int($0[first + row]) } ?? first + row }
}

extension Executor {
  /// Why a step did not return 0.
  func failed(_ index: Int, _ code: Int32) -> DenpaError {
    let op = plan.ops[index]
    let node = plan.graph.nodes[op.node]
    return op.operation.failure(
      op, code, FailureContext(executor: self, node: "\(node.kind) \"\(node.name)\""))
  }
}
