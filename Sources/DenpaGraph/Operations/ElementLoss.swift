import DenpaCore
import DenpaKernelTypes

/// loss = reduction of Σ function(y, t). Reads the prediction and the target.
struct ElementLossOperation: Operation, Equatable {
  var function: LossFunction
  var alpha: Double
  var reduction: Reduction

  fileprivate func step(_ sizes: Sizes) -> Step {
    sizes.kernels[function == .cosine ? .cosineLoss : .elementLoss]
  }

  fileprivate func arguments(_ op: Op, _ sizes: Sizes) -> ElementLossArguments {
    var arguments = ElementLossArguments()
    (arguments.rows, arguments.columns) = sizes.lossMatrix(op.reads[0])
    let terms = arguments.rows * (function.isOfRows ? 1 : arguments.columns)
    arguments.scale = reduction.scale(elements: terms, batch: sizes.rows)
    arguments.perRow = reduction == .none ? 1 : 0
    arguments.function = function.rawValue
    arguments.alpha = alpha
    return arguments
  }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let loss = op.writes[0] else { return }
    try lowering.emit(
      step(lowering.sizes), arguments(op, lowering.sizes),
      [
        (\ElementLossArguments.prediction, op.reads[0]), (\ElementLossArguments.target, op.reads[1]),
        (\ElementLossArguments.loss, loss.tensor),
      ])
  }

  /// Computes the loss and its gradient in one sweep, if the gradient is the next op and dloss is a constant.
  func lowerTogether(
    _ op: Op, _ following: ArraySlice<Op>, _ lowering: inout Lowering
  ) throws(DenpaError) -> Int {
    guard let loss = op.writes[0], let next = following.first,
      let gradient = next.operation as? ElementLossGradientOperation, gradient.loss == self,
      next.reads[0] == op.reads[0], next.reads[1] == op.reads[1], lowering.isConstant(next.reads[2]),
      let dx = next.writes[0], dx.mode == .overwrite
    else { return 0 }
    try lowering.emit(
      step(lowering.sizes), arguments(op, lowering.sizes),
      [
        (\ElementLossArguments.prediction, op.reads[0]), (\ElementLossArguments.target, op.reads[1]),
        (\ElementLossArguments.loss, loss.tensor), (\ElementLossArguments.dx, dx.tensor),
        (\ElementLossArguments.dloss, next.reads[2]),
      ])
    return 2
  }
}

/// The gradient with respect to the prediction. Reads the prediction, the target and dloss.
struct ElementLossGradientOperation: Operation {
  var loss: ElementLossOperation

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    try lowering.emit(
      loss.step(lowering.sizes), loss.arguments(op, lowering.sizes),
      [
        (\ElementLossArguments.prediction, op.reads[0]), (\ElementLossArguments.target, op.reads[1]),
        (\ElementLossArguments.dloss, op.reads[2]), (\ElementLossArguments.dx, destination.tensor),
      ], accumulate: (\ElementLossArguments.accumulate, destination))
  }
}

extension Recipe {
  /// loss = reduction of Σ f(y, t). `alpha` is the parameter of those that have one. A mean is over elements,
  /// or over rows (`LossFunction.isOfRows`).
  public func elementLoss(
    _ function: LossFunction, alpha: Double, _ y: Tensor, _ t: Tensor, _ reduction: Reduction,
    into loss: Tensor
  ) { emit(ElementLossOperation(function: function, alpha: alpha, reduction: reduction), [y, t], loss) }

  public func elementLossGradient(
    _ function: LossFunction, alpha: Double, _ y: Tensor, _ t: Tensor, _ reduction: Reduction,
    _ dloss: Tensor, into dy: Tensor
  ) {
    let loss = ElementLossOperation(function: function, alpha: alpha, reduction: reduction)
    emit(ElementLossGradientOperation(loss: loss), [y, t, dloss], dy)
  }
}
