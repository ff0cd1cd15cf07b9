import DenpaCore
import DenpaKernelTypes

/// loss = reduction of −Σ t·log(p + epsilon). Reads the prediction and the target; writes the loss and, from
/// logits, the probabilities.
struct CrossEntropyOperation: Operation {
  var fromLogits: Bool
  var epsilon: Double
  var reduction: Reduction

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    // The loss is wanted whenever its gradient is, and only the gradient reads the probabilities.
    guard let loss = op.writes[0] else { return }
    var arguments = CrossEntropyArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.lossMatrix(op.reads[0])
    arguments.fromLogits = fromLogits ? 1 : 0
    arguments.targetKind = TargetKind(lowering.sizes.type(op.reads[1]).dtype).rawValue
    arguments.epsilon = epsilon
    arguments.scale = reduction.scale(elements: arguments.rows, batch: lowering.sizes.rows)
    arguments.perRow = reduction == .none ? 1 : 0
    arguments.badRow = lowering.badRow
    var pointers: [(PartialKeyPath<CrossEntropyArguments>, TensorID)] = [
      (\CrossEntropyArguments.prediction, op.reads[0]), (\CrossEntropyArguments.target, op.reads[1]),
      (\CrossEntropyArguments.loss, loss.tensor),
    ]
    if let probabilities = op.writes[1] {
      pointers.append((\CrossEntropyArguments.probabilities, probabilities.tensor))
    }
    try lowering.emit(lowering.sizes.kernels[.crossEntropy], arguments, pointers)
  }

  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    let classes = context.type(op.reads[0]).shape.last ?? 1
    return DenpaError(
      .badArgument,
      "\(context.node): expected class numbers from 0 to \(classes - 1), got \(context.badNumber(op.reads[1]))"
    )
  }
}

/// The gradient with respect to the prediction. Reads the probabilities, the target and dloss.
struct CrossEntropyGradientOperation: Operation {
  var fromLogits: Bool
  var epsilon: Double
  var reduction: Reduction

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = CrossEntropyGradientArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.lossMatrix(op.reads[0])
    arguments.fromLogits = fromLogits ? 1 : 0
    arguments.targetKind = TargetKind(lowering.sizes.type(op.reads[1]).dtype).rawValue
    arguments.epsilon = epsilon
    arguments.scale = reduction.scale(elements: arguments.rows, batch: lowering.sizes.rows)
    arguments.perRow = reduction == .none ? 1 : 0
    try lowering.emit(
      lowering.sizes.kernels[.crossEntropyGradient], arguments,
      [
        (\CrossEntropyGradientArguments.probabilities, op.reads[0]),
        (\CrossEntropyGradientArguments.target, op.reads[1]),
        (\CrossEntropyGradientArguments.dloss, op.reads[2]),
        (\CrossEntropyGradientArguments.dx, destination.tensor),
      ], accumulate: (\CrossEntropyGradientArguments.accumulate, destination))
  }
}

extension Recipe {
  /// loss = reduction of −Σ t·log(p + epsilon); from logits p is computed and kept in `probabilities`.
  public func crossEntropy(
    _ prediction: Tensor, _ target: Tensor, epsilon: Double, _ reduction: Reduction, probabilities: Tensor?,
    into loss: Tensor
  ) {
    let operation = CrossEntropyOperation(
      fromLogits: probabilities != nil, epsilon: epsilon, reduction: reduction)
    emit(operation, [prediction, target], [loss, probabilities])
  }

  public func crossEntropyGradient(
    _ probabilities: Tensor, _ target: Tensor, fromLogits: Bool, epsilon: Double, _ reduction: Reduction,
    _ dloss: Tensor, into dx: Tensor
  ) {
    let operation = CrossEntropyGradientOperation(
      fromLogits: fromLogits, epsilon: epsilon, reduction: reduction)
    emit(operation, [probabilities, target, dloss], dx)
  }
}
