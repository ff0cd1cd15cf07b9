import DenpaCore

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

extension Executor {
  /// Why a step did not return 0.
  func failed(_ index: Int, _ code: Int32) -> DenpaError {
    let op = plan.ops[index]
    let node = plan.graph.nodes[op.node]
    switch op.kind {
    case .crossEntropy:
      let classes = plan.tensors[op.reads[0]].type.shape.last ?? 1
      return DenpaError(
        .badArgument,
        "\(node.kind) \"\(node.name)\": expected class numbers from 0 to \(classes - 1), got \(badNumber(op.reads[1]))")
    case .integers(let classes):
      let expected: Message =
        classes.map { "class numbers from 0 to \($0 - 1)" }
        ?? "numbers of \(op.writes[0].map { plan.tensors[$0.tensor].type.dtype } ?? .int64), which it was proved with"
      return DenpaError(
        .badArgument, "\(node.kind) \"\(node.name)\": expected \(expected), got \(badNumber(op.reads[0]))")
    case .foreign:
      let answer = failure.pointee
      failure.pointee = ForeignFailure()
      return DenpaError(
        answer.status == .ok ? .layerFailed : answer.status, "\(node.kind) \"\(node.name)\": \(answer.message)")
    default:
      return DenpaError(.internalError, "\(node.kind) \"\(node.name)\": a kernel answered \(code)")
    }
  }

  /// The number that a step did not take, and where the caller has it.
  private func badNumber(_ tensor: TensorID) -> Message {
    let index = Int(badRow.pointee)
    let type = plan.tensors[tensor].type
    let positions = max(type.shape.sample.count, 1)
    let row = batchRows[index / positions]
    let place: Message = positions > 1 ? "row \(row), position \(index % positions)" : "row \(row)"
    guard !type.dtype.isFloat, let data = values(of: tensor) else { return "another one in \(place)" }
    return "\(type.dtype.integer(data, index)) in \(place)"
  }
}
