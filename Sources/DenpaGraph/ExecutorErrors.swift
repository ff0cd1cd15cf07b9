import DenpaCore

/// The rows of a caller's data that form a batch, so that errors can name them: those in `order` from
/// position `first` on, or without an order those from row `first` on.
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
  /// Returns the error of a step that did not return 0.
  func failed(_ index: Int, _ code: Int32) -> DenpaError {
    let op = plan.ops[index]
    let node = plan.graph.nodes[op.node]
    return op.operation.failure(
      op, code, FailureContext(executor: self, node: "\(node.kind) \"\(node.name)\""))
  }
}
