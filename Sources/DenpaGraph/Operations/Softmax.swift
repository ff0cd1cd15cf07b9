import DenpaCore
import DenpaKernelTypes

/// Each row of y is the softmax of the row of x, or the logarithm of it.
struct SoftmaxOperation: Operation {
  var isLog = false

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 4 * Double(sizes.count(op.reads[0])) }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = SoftmaxArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.matrix(y)
    try lowering.emit(
      lowering.sizes.kernels[isLog ? .logSoftmax : .softmax], arguments,
      [(\SoftmaxArguments.x, op.reads[0]), (\SoftmaxArguments.y, y)])
  }
}

/// dx = y ∘ (dy − Σ dy∘y), of the logarithm dx = dy − e^y·Σ dy, row by row. Reads y, dy.
struct SoftmaxGradientOperation: Operation {
  var isLog = false

  func adds(to destination: Int) -> Bool { true }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 4 * Double(sizes.count(op.reads[0])) }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = SoftmaxGradientArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.matrix(destination.tensor)
    try lowering.emit(
      lowering.sizes.kernels[isLog ? .logSoftmaxGradient : .softmaxGradient], arguments,
      [
        (\SoftmaxGradientArguments.y, op.reads[0]), (\SoftmaxGradientArguments.dy, op.reads[1]),
        (\SoftmaxGradientArguments.dx, destination.tensor),
      ], accumulate: (\SoftmaxGradientArguments.accumulate, destination))
  }
}

extension Recipe {
  /// y = softmax of each row of x
  public func softmax(_ x: Tensor, into y: Tensor) { emit(SoftmaxOperation(), [x], y) }
  /// dx, computed from y = softmax(x) and dy
  public func softmaxGradient(at y: Tensor, _ dy: Tensor, into dx: Tensor) {
    emit(SoftmaxGradientOperation(), [y, dy], dx)
  }
  /// y = log softmax of each row of x
  public func logSoftmax(_ x: Tensor, into y: Tensor) { emit(SoftmaxOperation(isLog: true), [x], y) }
  /// dx, computed from y = log softmax(x) and dy
  public func logSoftmaxGradient(at y: Tensor, _ dy: Tensor, into dx: Tensor) {
    emit(SoftmaxGradientOperation(isLog: true), [y, dy], dx)
  }
}
