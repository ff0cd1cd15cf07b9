import DenpaCore
import DenpaKernelTypes

/// y = f(a, b), element by element. Reads a and b, which have y's shape (`Recipe.spread`).
struct BinaryOperation: Operation {
  var function: BinaryFunction

  func readsViews(_ read: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = BinaryArguments()
    (arguments.axes, arguments.axisCount) = try lowering.reserve(pairs: Loops(op.reads, lowering))
    arguments.count = lowering.sizes.count(y)
    arguments.function = function.rawValue
    try lowering.emit(
      lowering.sizes.kernels[.binary], arguments,
      [(\BinaryArguments.a, op.reads[0]), (\BinaryArguments.b, op.reads[1]), (\BinaryArguments.y, y)])
  }
}

/// dx = dy ∘ ∂f/∂a or dy ∘ ∂f/∂b. Reads a, b and dy; all have dx's shape.
struct BinaryGradientOperation: Operation {
  var function: BinaryFunction
  /// 0: with respect to a; 1: to b.
  var operand: Int

  func adds(to destination: Int) -> Bool { true }
  func readsViews(_ read: Int) -> Bool { read < 2 }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = BinaryGradientArguments()
    let loops = Loops(Array(op.reads[..<2]), lowering)
    (arguments.axes, arguments.axisCount) = try lowering.reserve(pairs: loops)
    arguments.count = lowering.sizes.count(destination.tensor)
    arguments.function = function.rawValue
    arguments.operand = Int32(operand)
    try lowering.emit(
      lowering.sizes.kernels[.binaryGradient], arguments,
      [
        (\BinaryGradientArguments.a, op.reads[0]), (\BinaryGradientArguments.b, op.reads[1]),
        (\BinaryGradientArguments.dy, op.reads[2]), (\BinaryGradientArguments.dx, destination.tensor),
      ], accumulate: (\BinaryGradientArguments.accumulate, destination))
  }
}

extension Loops {
  /// Makes the loops over tensors of one shape.
  fileprivate init(_ tensors: [TensorID], _ lowering: Lowering) {
    let layouts = tensors.map { lowering.layout($0) }
    self.init(layouts[0].extents, layouts.map(\.strides))
  }
}

extension Recipe {
  /// y = f(a, b), element by element; all have one shape.
  public func apply(_ function: BinaryFunction, _ a: Tensor, _ b: Tensor, into y: Tensor) {
    emit(BinaryOperation(function: function), [a, b], y)
  }

  /// dx = dy ∘ ∂f/∂a (`operand` 0) or dy ∘ ∂f/∂b (1) at (a, b); all have one shape.
  public func applyDerivative(
    _ function: BinaryFunction, operand: Int, at a: Tensor, _ b: Tensor, _ dy: Tensor, into dx: Tensor
  ) {
    emit(BinaryGradientOperation(function: function, operand: operand), [a, b, dy], dx)
  }
}
