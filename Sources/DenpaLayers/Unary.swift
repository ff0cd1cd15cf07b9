import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// A function of one value, with its parameter if it has one.
struct ElementwiseFunction: Equatable, Sendable {
  let function: Function
  let alpha: Double

  init(_ function: Function, alpha: Double = 0) {
    self.function = function
    self.alpha = alpha
  }

  var isIdentity: Bool { function == .identity }

  /// Where its derivative is computed: its value y, or its argument x.
  func point(_ x: @autoclosure () -> Tensor, _ y: Tensor) -> Tensor {
    function.derivativeFromOutput ? y : x()
  }
}

extension Recipe {
  /// y = f(x)
  func apply(_ f: ElementwiseFunction, _ x: Tensor, into y: Tensor) {
    apply(f.function, alpha: f.alpha, x, into: y)
  }

  /// dx = dy ∘ f'(x), computed at `f.point(x, y)`.
  func applyDerivative(_ f: ElementwiseFunction, at point: Tensor, _ dy: Tensor, into dx: Tensor) {
    applyDerivative(f.function, alpha: f.alpha, at: point, dy, into: dx)
  }
}

/// A layer that is a function of one value, element by element; y has x's shape.
protocol UnaryLayer: BuiltInLayer {
  var function: ElementwiseFunction { get }
}

extension UnaryLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { Unary.forward(r, function) }
  public func backward(_ r: Recipe) { Unary.backward(r, function) }
}

enum Unary {
  static func spec(
    _ kind: String, _ summary: String, _ details: String = "", range: ClosedRange<Double> = -2...2,
    wide: ClosedRange<Double>? = nil, avoid: [Double] = [], attributes: [AttributeSpec] = []
  ) -> LayerSpec {
    var result = LayerSpec(
      kind: kind, summary: summary, details: "x of any shape → y of the same.\(details)",
      attributes: attributes,
      samples: [
        Sample(inputs: [TensorType(.float32, [4, 5])], range: range, avoid: avoid),
        Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: wide ?? range, avoid: avoid),
      ])
    result.isFunction = true
    return result
  }

  fileprivate static func forward(_ r: Recipe, _ function: ElementwiseFunction) {
    r.apply(function, r.x, into: r.y)
  }

  fileprivate static func backward(_ r: Recipe, _ function: ElementwiseFunction) {
    r.applyDerivative(function, at: function.point(r.x, r.y), r.dy, into: r.dx)
  }
}
