import DenpaCore
import DenpaKernelTypes

/// y = x + deviation·n while training, with random normal numbers n, else y = x.
struct GaussianNoiseOperation: Operation {
  var deviation: Double

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = GaussianNoiseArguments()
    arguments.count = lowering.sizes.count(y)
    arguments.deviation = deviation
    arguments.key = lowering.randomKey(of: op.node)
    try lowering.emit(
      lowering.sizes.kernels[.gaussianNoise], arguments,
      [(\GaussianNoiseArguments.x, op.reads[0]), (\GaussianNoiseArguments.y, y)])
  }
}

extension Recipe {
  /// y = x + deviation·n while training, n of a standard normal distribution.
  public func gaussianNoise(_ x: Tensor, deviation: Double, into y: Tensor) {
    emit(GaussianNoiseOperation(deviation: deviation), [x], y)
  }
}
