import DenpaCore
import DenpaKernelTypes

/// y = the sum of the rows of x: the gradient of a bias.
struct ColumnSumOperation: Operation {
  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = ColumnSumArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.matrix(op.reads[0])
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.columnSum], arguments,
      [(\ColumnSumArguments.x, op.reads[0]), (\ColumnSumArguments.y, destination.tensor)],
      accumulate: (\ColumnSumArguments.accumulate, destination))
  }
}

extension Recipe {
  /// db = Σ dy over the rows
  public func sumRows(_ dy: Tensor, into db: Tensor) { emit(ColumnSumOperation(), [dy], db) }
}
