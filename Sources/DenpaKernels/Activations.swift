// Activations that are not fused into products. Their derivatives are computed from x. NaN is preserved; where
// a formula would multiply an infinity by zero, its argument is confined to where the limit is reached.

/// 1 for x > 0, else 0.
enum UnitStep: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    V.select(x, greaterThan: V.zero, V.one, V.min(V.zero, V.max(V.zero, x)))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.zero }
}

/// x for x > 0, else α·x.
enum LeakyReLU: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, x, alpha * x)
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, V.one, alpha)
  }
}

/// x for x > 0, else α·(eˣ − 1).
enum ELU: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, x, alpha * V.expMinusOne(x))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, V.one, alpha * V.exp(x))
  }
}

/// x for x > 0, else α·(e^(x/α) − 1).
enum CELU: Curve {
  @inline(__always) static func value<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, x, alpha * V.expMinusOne(x / alpha))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V, alpha: V) -> V {
    V.select(x, greaterThan: V.zero, V.one, V.exp(x / alpha))
  }
}

/// λ·x for x > 0, else λ·α·(eˣ − 1), with the two constants of Klambauer et al., 2017.
enum SELU: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    scale(V.self) * ELU.value(x, alpha: V.splat(1.6732632423543772848170429916717))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    scale(V.self) * ELU.derivative(x, alpha: V.splat(1.6732632423543772848170429916717))
  }
  @inline(__always) private static func scale<V: Vector>(_: V.Type) -> V {
    V.splat(1.0507009873554804934193349852946)
  }
}

/// x·σ(x).
enum SiLU: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    let x = V.max(V.splat(-1e4), x)
    return x * V.sigmoid(x)
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    let x = V.min(V.splat(1e4), V.max(V.splat(-1e4), x))
    return V.sigmoid(x) * V.fma(x, V.sigmoid(V.zero - x), V.one)
  }
}

/// x·tanh(softplus x) = x·n / (n + 2) with n = eˣ·(eˣ + 2). From x = 20 on the quotient is 1.
enum Mish: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    let e = V.exp(V.min(V.splat(20.0), x))
    let n = e * (e + V.splat(2.0))
    return V.max(V.splat(-1e4), x) * (n / (n + V.splat(2.0)))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    let x = V.min(V.splat(20.0), V.max(V.splat(-1e4), x))
    let e = V.exp(x), two = V.splat(2.0)
    let n = e * (e + two), d = n + two
    return n / d + (x * V.splat(4.0)) * (e * (e + V.one) / (d * d))
  }
}

/// ln(1 + eˣ).
enum Softplus: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    V.max(V.zero, x) + V.logOnePlus(V.exp(V.zero - x.magnitude))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.sigmoid(x) }
}

/// −ln(1 + e^−x).
enum LogSigmoid: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.zero - Softplus.value(V.zero - x) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V { V.sigmoid(V.zero - x) }
}

/// x / (1 + |x|).
enum Softsign: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    let x = V.min(V.greatestFinite, V.max(V.zero - V.greatestFinite, x))
    return x / (V.one + x.magnitude)
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    let d = V.one / (V.one + x.magnitude)
    return d * d
  }
}

/// x/6 + ½, confined to 0 … 1.
enum HardSigmoid: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    V.min(V.one, V.max(V.zero, (x + V.splat(3.0)) * V.splat(1.0 / 6)))
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    V.select(V.splat(3.0), greaterThan: x.magnitude, V.splat(1.0 / 6), V.zero)
  }
}

/// x, confined to −1 … 1.
enum HardTanh: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.min(V.one, V.max(V.zero - V.one, x)) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    V.select(V.one, greaterThan: x.magnitude, V.one, V.zero)
  }
}

/// x times `HardSigmoid`.
enum HardSwish: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V {
    V.max(V.splat(-1e4), x) * HardSigmoid.value(x)
  }
  /// 0 up to −3, 1 from 3 on.
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    let inside = (x + x + V.splat(3.0)) * V.splat(1.0 / 6)
    return V.select(
      V.splat(3.0), greaterThan: x.magnitude, inside, V.select(x, greaterThan: V.zero, V.one, V.zero))
  }
}

/// x, confined to 0 … 6.
enum ReLU6: PlainCurve {
  @inline(__always) static func value<V: Vector>(_ x: V) -> V { V.min(V.splat(6.0), V.max(V.zero, x)) }
  @inline(__always) static func derivative<V: Vector>(_ x: V) -> V {
    V.select(
      x, greaterThan: V.zero, V.select(V.splat(6.0), greaterThan: x, V.one, V.zero), V.zero)
  }
}
