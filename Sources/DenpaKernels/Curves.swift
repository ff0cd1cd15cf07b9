import DenpaKernelTypes

/// A `Function` as a type, so that each loop is compiled per function without a branch inside.
protocol Curve {
  static func value<V: Vector>(_ x: V, alpha: V) -> V
  /// Returns f'(x), computed from y = f(x), or from x if it must be (`Function.derivativeFromOutput`).
  static func derivative<V: Vector>(_ y: V, alpha: V) -> V
}

/// A function without a parameter.
protocol PlainCurve: Curve {
  static func value<V: Vector>(_ x: V) -> V
  static func derivative<V: Vector>(_ y: V) -> V
}

extension PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V, alpha: V) -> V { value(x) }
  @inline(__always) static func derivative<V: Vector>(_ y: V, alpha: V) -> V { derivative(y) }
}

enum Identity: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { x }
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V { V.one }
}

enum Sigmoid: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.sigmoid(x) }
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V { y * (V.one - y) }
}

enum Tanh: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.tanh(x) }
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V { V.one - y * y }
}

enum Relu: PlainCurve {
  /// Preserves NaN: `max` then returns its second operand.
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.max(V.zero, x) }
  /// 0 at 0.
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V {
    V.select(y, greaterThan: V.zero, V.one, V.zero)
  }
}

enum Exponential: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.exp(x) }
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V { y }
}

enum Erf: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.erf(x) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.erfDerivative(x) }
}

enum Gelu: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.gelu(x) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.geluDerivative(x) }
}

enum GeluTanh: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.geluTanh(x) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.geluTanhDerivative(x) }
}

enum Logarithm: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.log(x) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.one / x }
}

enum SquareRoot: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { x.squareRoot }
  @inline(__always) static func derivative<V: Vector>(_ y: V) -> V { V.splat(0.5) / y }
}

enum Magnitude: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { x.magnitude }
  /// 0 at 0; preserves NaN.
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    let one = V.select(x, greaterThan: V.zero, V.one, x)
    return V.select(V.zero, greaterThan: x, V.zero - V.one, one)
  }
}

enum Square: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { x * x }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { x + x }
}

extension Function {
  /// Whether `Vector.value` and `Vector.derivative` include it; the others have many constants and are in
  /// `anyValue` and `anyDerivative`.
  @inline(__always) static func isShort(_ function: Int32) -> Bool { function <= Function.relu.rawValue }
}

extension Vector {
  /// The same choice at run time, for places where the branch is relatively cheap.
  @inline(__always) static func value(_ function: Int32, _ x: Self) -> Self {
    switch function {
    case Function.sigmoid.rawValue: Sigmoid.value(x)
    case Function.tanh.rawValue: Tanh.value(x)
    case Function.relu.rawValue: Relu.value(x)
    default: x
    }
  }

  @inline(__always) static func derivative(_ function: Int32, _ y: Self) -> Self {
    switch function {
    case Function.sigmoid.rawValue: Sigmoid.derivative(y)
    case Function.tanh.rawValue: Tanh.derivative(y)
    case Function.relu.rawValue: Relu.derivative(y)
    default: one
    }
  }

  /// `value` for every function that is fused.
  @inline(__always) static func anyValue(_ function: Int32, _ x: Self) -> Self {
    switch function {
    case Function.exp.rawValue: Exponential.value(x)
    case Function.erf.rawValue: Erf.value(x)
    case Function.gelu.rawValue: Gelu.value(x)
    case Function.geluTanh.rawValue: GeluTanh.value(x)
    default: value(function, x)
    }
  }

  /// `derivative` for every function that is fused.
  @inline(__always) static func anyDerivative(_ function: Int32, _ y: Self) -> Self {
    switch function {
    case Function.exp.rawValue: Exponential.derivative(y)
    case Function.erf.rawValue: Erf.derivative(y)
    case Function.gelu.rawValue: Gelu.derivative(y)
    case Function.geluTanh.rawValue: GeluTanh.derivative(y)
    default: derivative(function, y)
    }
  }
}
