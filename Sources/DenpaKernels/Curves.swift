import DenpaKernelTypes

/// A `Function` as a type, so that each loop is compiled once per function without a branch inside.
protocol Curve {
  static func value<V: Vector>(_ x: V) -> V
  /// f'(x), told from y = f(x).
  static func slope<V: Vector>(_ y: V) -> V
}

enum Identity: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { x }
  @inline(__always) static func slope<V: Vector>(_ y: V) -> V { V.one }
}

enum Sigmoid: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.sigmoid(x) }
  @inline(__always) static func slope<V: Vector>(_ y: V) -> V { y * (V.one - y) }
}

enum Tanh: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.tanh(x) }
  @inline(__always) static func slope<V: Vector>(_ y: V) -> V { V.one - y * y }
}

enum Relu: Curve {
  /// NaN stays: `max` answers its second operand then.
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.max(V.zero, x) }
  /// 0 at 0.
  @inline(__always) static func slope<V: Vector>(_ y: V) -> V { V.select(y, greaterThan: V.zero, V.one, V.zero) }
}

extension Vector {
  /// The same choice made at run time, where a branch is cheap beside what it stands among.
  @inline(__always) static func value(_ function: Int32, _ x: Self) -> Self {
    switch function {
    case Function.sigmoid.rawValue: Sigmoid.value(x)
    case Function.tanh.rawValue: Tanh.value(x)
    case Function.relu.rawValue: Relu.value(x)
    default: x
    }
  }

  @inline(__always) static func slope(_ function: Int32, _ y: Self) -> Self {
    switch function {
    case Function.sigmoid.rawValue: Sigmoid.slope(y)
    case Function.tanh.rawValue: Tanh.slope(y)
    case Function.relu.rawValue: Relu.slope(y)
    default: one
    }
  }
}
