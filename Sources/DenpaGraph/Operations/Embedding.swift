import DenpaCore
import DenpaKernelTypes

/// Row i of y = row indices[i] of the table. Reads the indices and the table.
struct GatherOperation: Operation {
  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 0 }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    let table = lowering.sizes.type(op.reads[1])
    var arguments = GatherArguments()
    arguments.count = lowering.sizes.count(op.reads[0])
    arguments.rows = Int64(table.shape[0])
    arguments.rowBytes = table.shape[1] * table.dtype.size
    arguments.dtype = lowering.sizes.type(op.reads[0]).dtype
    arguments.badRow = lowering.badRow
    try lowering.emit(
      gatherStep, arguments,
      [
        (\GatherArguments.indices, op.reads[0]), (\GatherArguments.table, op.reads[1]),
        (\GatherArguments.y, y),
      ])
  }

  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    DenpaError(
      .badArgument,
      "\(context.node): expected indices from 0 to \(context.type(op.reads[1]).shape[0] - 1), got \(context.badNumber(op.reads[0]))"
    )
  }
}

/// Row r of dtable = the sum of those rows of dy whose index is r. Reads the indices and dy.
struct GatherGradientOperation: Operation {
  func adds(to destination: Int) -> Bool { true }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { Double(sizes.count(op.reads[1])) }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let table = lowering.sizes.type(destination.tensor)
    var arguments = AddRowsArguments()
    arguments.count = lowering.sizes.count(op.reads[0])
    arguments.rows = table.shape[0]
    arguments.columns = table.shape[1]
    arguments.indexKind = TargetKind(lowering.sizes.type(op.reads[0]).dtype).rawValue
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.addRows], arguments,
      [
        (\AddRowsArguments.indices, op.reads[0]), (\AddRowsArguments.x, op.reads[1]),
        (\AddRowsArguments.y, destination.tensor),
      ], accumulate: (\AddRowsArguments.accumulate, destination))
  }
}

extension Recipe {
  /// Row i of y = row indices[i] of the table.
  public func gather(_ indices: Tensor, from table: Tensor, into y: Tensor) {
    emit(GatherOperation(), [indices, table], y)
  }
  /// dtable, computed from the indices and dy.
  public func gatherGradient(_ indices: Tensor, _ dy: Tensor, into dtable: Tensor) {
    emit(GatherGradientOperation(), [indices, dy], dtable)
  }
}

private struct GatherArguments {
  var count = 0
  var rows: Int64 = 0
  var rowBytes = 0
  var dtype = DType.int64
  var indices: UnsafeRawPointer?
  var table: UnsafeRawPointer?
  var y: UnsafeMutableRawPointer?
  /// Receives the position of the first index outside the table.
  var badRow: UnsafeMutablePointer<Int64>?
}

private let gatherStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: GatherArguments.self).pointee
  guard let indices = a.indices, let table = a.table, let y = a.y else { return 0 }
  for position in 0..<a.count {
    let row = a.dtype.integer(indices, position)
    guard row >= 0, row < a.rows else {
      a.badRow?.pointee = Int64(position)
      return 1
    }
    (y + position * a.rowBytes).copyMemory(from: table + Int(row) * a.rowBytes, byteCount: a.rowBytes)
  }
  return 0
}
