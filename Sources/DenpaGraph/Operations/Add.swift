import DenpaCore
import DenpaKernelTypes

/// y = a + b, element by element.
struct AddOperation: Operation {
  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = AddArguments()
    arguments.count = lowering.sizes.count(y)
    try lowering.emit(
      lowering.sizes.kernels[.add], arguments,
      [(\AddArguments.a, op.reads[0]), (\AddArguments.b, op.reads[1]), (\AddArguments.y, y)])
  }
}

extension Recipe {
  /// y = a + b
  public func add(_ a: Tensor, _ b: Tensor, into y: Tensor) { emit(AddOperation(), [a, b], y) }
}
