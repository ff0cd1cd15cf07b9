import DenpaCore
import DenpaKernelTypes

/// y = function(x), element by element.
struct MapOperation: Operation {
  var function: Function
  var alpha: Double

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = MapArguments()
    arguments.count = lowering.sizes.count(y)
    arguments.function = function.rawValue
    arguments.alpha = alpha
    try lowering.emit(
      lowering.sizes.kernels[.map], arguments, [(\MapArguments.x, op.reads[0]), (\MapArguments.y, y)])
  }
}

/// dx = dy ∘ function'(x). Reads y, or x where y does not determine the derivative
/// (`Function.derivativeFromOutput`), and dy.
struct MapGradientOperation: Operation {
  var function: Function
  var alpha: Double

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = MapGradientArguments()
    arguments.count = lowering.sizes.count(destination.tensor)
    arguments.function = function.rawValue
    arguments.alpha = alpha
    try lowering.emit(
      lowering.sizes.kernels[.mapGradient], arguments,
      [
        (\MapGradientArguments.y, op.reads[0]), (\MapGradientArguments.dy, op.reads[1]),
        (\MapGradientArguments.dx, destination.tensor),
      ], accumulate: (\MapGradientArguments.accumulate, destination))
  }
}

extension Recipe {
  /// y = f(x). `alpha` is the parameter of those that have one.
  public func apply(_ function: Function, alpha: Double = 0, _ x: Tensor, into y: Tensor) {
    if function == .identity {
      copy(x, into: y)
    } else {
      emit(MapOperation(function: function, alpha: alpha), [x], y)
    }
  }

  /// dx = dy ∘ f'(x), computed from y = f(x); where y does not determine the derivative
  /// (`Function.derivativeFromOutput`), `y` must be x.
  public func applyDerivative(
    _ function: Function, alpha: Double = 0, at y: Tensor, _ dy: Tensor, into dx: Tensor
  ) {
    if function == .identity {
      copy(dy, into: dx)
    } else {
      emit(MapGradientOperation(function: function, alpha: alpha), [y, dy], dx)
    }
  }
}
