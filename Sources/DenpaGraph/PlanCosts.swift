import DenpaCore

/// What a plan costs.
extension Plan {
  /// Additions, multiplications and functions of numbers in a batch of the largest size: of each node's
  /// forward, and of the whole plan. What plugins compute is not counted.
  public var arithmetic: (forward: [Double], total: Double) {
    let sizes = Sizes(tensors: tensors, rows: maximumRows, kernels: kernels, threads: threads)
    var forward = Array(repeating: 0.0, count: graph.nodes.count)
    var total = 0.0
    for (index, op) in ops.enumerated() {
      let count = op.operation.arithmetic(op, sizes)
      total += count
      if index < forwardCount { forward[op.node] += count }
    }
    return (forward, total)
  }

  /// Bytes of the values and gradients that are not the caller's.
  public var memoryBytes: Int { arenaBytes }
}
