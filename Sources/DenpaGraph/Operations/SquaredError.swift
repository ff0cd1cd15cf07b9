import DenpaCore
import DenpaKernelTypes

/// loss = factor · reduction of Σ(y − t)². Reads the prediction and the target.
struct SquaredErrorOperation: Operation {
  var factor: Double
  var reduction: Reduction

  private func arguments(_ op: Op, _ sizes: Sizes) -> SquaredErrorArguments {
    var arguments = SquaredErrorArguments()
    (arguments.rows, arguments.columns) = sizes.lossMatrix(op.reads[0])
    arguments.scale =
      factor * reduction.scale(elements: arguments.rows * arguments.columns, batch: sizes.rows)
    arguments.perRow = reduction == .none ? 1 : 0
    return arguments
  }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let loss = op.writes[0] else { return }
    try lowering.emit(
      lowering.sizes.kernels[.squaredError], arguments(op, lowering.sizes),
      [
        (\SquaredErrorArguments.prediction, op.reads[0]), (\SquaredErrorArguments.target, op.reads[1]),
        (\SquaredErrorArguments.loss, loss.tensor),
      ])
  }

  /// Computes the loss and its gradient in one sweep, if the gradient is the next op and dloss is a constant.
  func lowerTogether(
    _ op: Op, _ following: ArraySlice<Op>, _ lowering: inout Lowering
  ) throws(DenpaError) -> Int {
    guard reduction != .none, let loss = op.writes[0], let next = following.first,
      let gradient = next.operation as? SquaredErrorGradientOperation, gradient.factor == factor,
      gradient.reduction == reduction, next.reads[0] == op.reads[0], next.reads[1] == op.reads[1],
      lowering.isConstant(next.reads[2]), let dx = next.writes[0], dx.mode == .overwrite
    else { return 0 }
    var arguments = arguments(op, lowering.sizes)
    arguments.isPadded = lowering.isPadded(dx.tensor) ? 1 : 0
    try lowering.emit(
      lowering.sizes.kernels[.squaredError], arguments,
      [
        (\SquaredErrorArguments.prediction, op.reads[0]), (\SquaredErrorArguments.target, op.reads[1]),
        (\SquaredErrorArguments.loss, loss.tensor), (\SquaredErrorArguments.dx, dx.tensor),
        (\SquaredErrorArguments.dloss, next.reads[2]),
      ])
    return 2
  }
}

/// The gradient with respect to the prediction. Reads the prediction, the target and dloss.
struct SquaredErrorGradientOperation: Operation {
  var factor: Double
  var reduction: Reduction

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = SquaredErrorGradientArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.lossMatrix(op.reads[0])
    arguments.scale =
      factor * reduction.scale(elements: arguments.rows * arguments.columns, batch: lowering.sizes.rows)
    arguments.perRow = reduction == .none ? 1 : 0
    try lowering.emit(
      lowering.sizes.kernels[.squaredErrorGradient], arguments,
      [
        (\SquaredErrorGradientArguments.prediction, op.reads[0]),
        (\SquaredErrorGradientArguments.target, op.reads[1]),
        (\SquaredErrorGradientArguments.dloss, op.reads[2]),
        (\SquaredErrorGradientArguments.dx, destination.tensor),
      ], accumulate: (\SquaredErrorGradientArguments.accumulate, destination))
  }
}

extension Recipe {
  /// loss = factor · reduction of Σ(y − t)²
  public func squaredError(
    _ y: Tensor, _ t: Tensor, factor: Double, _ reduction: Reduction, into loss: Tensor
  ) { emit(SquaredErrorOperation(factor: factor, reduction: reduction), [y, t], loss) }

  public func squaredErrorGradient(
    _ y: Tensor, _ t: Tensor, factor: Double, _ reduction: Reduction, _ dloss: Tensor, into dy: Tensor
  ) { emit(SquaredErrorGradientOperation(factor: factor, reduction: reduction), [y, t, dloss], dy) }
}
