import DenpaCore
import DenpaKernelTypes

/// y = x·m while training, with the same random m in forward and backward, else y = x.
struct DropoutOperation: Operation {
  var rate: Double

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = DropoutArguments()
    arguments.count = lowering.sizes.count(destination.tensor)
    arguments.threshold = UInt32(min((rate * 0x1p32).rounded(), 0xFFFF_FFFF))
    arguments.scale = 1 / (1 - rate)
    arguments.key = lowering.randomKey(of: op.node)
    try lowering.emit(
      lowering.sizes.kernels[.dropout], arguments,
      [(\DropoutArguments.x, op.reads[0]), (\DropoutArguments.y, destination.tensor)],
      accumulate: (\DropoutArguments.accumulate, destination))
  }
}

extension Lowering {
  /// Returns the key of the random numbers of a node. Its stream differs from those of parameters, which are
  /// their numbers, and of plugins.
  func randomKey(of node: Int) -> (UInt32, UInt32) {
    Random(seed: seed, stream: 0x6472_6F70 << 32 ^ UInt64(node)).key
  }
}

extension Recipe {
  /// y = x·m while training: m is 0 with a probability of `rate`, otherwise 1/(1 − rate). The same m for all
  /// calls of one node in one forward and its backward.
  public func dropout(_ x: Tensor, rate: Double, into y: Tensor) {
    emit(DropoutOperation(rate: rate), [x], y)
  }
}
