import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// A layer that is a function of one value, element by element; y has x's shape.
protocol UnaryLayer: BuiltInLayer {
  static var function: Function { get }
}

extension UnaryLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { Unary.forward(r, Self.function) }
  public func backward(_ r: Recipe) { Unary.backward(r, Self.function) }
}

enum Unary {
  static func spec(
    _ kind: String, _ summary: String, _ details: String = "", range: ClosedRange<Double> = -2...2,
    wide: ClosedRange<Double>? = nil, avoid: [Double] = []
  ) -> LayerSpec {
    LayerSpec(
      kind: kind, summary: summary, details: "x of any shape → y of the same.\(details)",
      samples: [
        Sample(inputs: [TensorType(.float32, [4, 5])], range: range, avoid: avoid),
        Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: wide ?? range, avoid: avoid),
      ])
  }

  fileprivate static func forward(_ r: Recipe, _ function: Function) { r.apply(function, r.x, into: r.y) }

  fileprivate static func backward(_ r: Recipe, _ function: Function) {
    r.applyDerivative(function, at: function.derivativeFromOutput ? r.y : r.x, r.dy, into: r.dx)
  }
}
