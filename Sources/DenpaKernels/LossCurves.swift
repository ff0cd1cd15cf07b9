import DenpaKernelTypes

/// A `LossFunction` as a type, so that each loop is compiled per function without a branch inside.
///
/// NaN in the prediction or the target is preserved; a factor of 0 makes its term 0, even if the other factor
/// is infinite.
protocol LossCurve {
  static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V
  /// Returns the derivative with respect to y.
  static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V
  /// A prediction and a target whose loss is 0, for lanes beyond the last element.
  static func nothing<V: Vector>(alpha: V) -> (y: V, t: V)
}

extension LossCurve {
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.zero, V.zero) }
}

extension Vector {
  /// Returns weight·value, 0 where the weight is.
  @inline(__always) fileprivate static func weighted(_ weight: Self, _ value: Self) -> Self {
    select(weight, equals: zero, zero, weight * value)
  }

  /// Returns ln(1 − y + ε) for 0 ≤ y ≤ 1 and ε ≥ 0: what rounding 1 − y and the sum lose is added again, to
  /// first order. −∞ for y = 1 and ε = 0, NaN beyond that.
  @inline(__always) fileprivate static func logOfRest(_ y: Self, plus epsilon: Self) -> Self {
    let rest = one - y, sum = rest + epsilon
    let lost = min(rest, epsilon) - (sum - max(rest, epsilon))
    return log(sum) + (((one - rest) - y) + lost) / max(leastNormal, sum)
  }

  /// Returns softplus(x) and softplus(−x): −ln σ(−x) and −ln σ(x).
  @inline(__always) fileprivate static func softplus(_ x: Self) -> (up: Self, down: Self) {
    let rest = logOnePlus(exp(zero - x.magnitude))
    return (max(zero, x) + rest, max(zero, zero - x) + rest)
  }
}

/// |y − t|, with a derivative of 0 at 0.
enum AbsoluteError: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V { (y - t).magnitude }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    Magnitude.derivative(y - t)
  }
}

/// ½(y − t)² up to a difference of α, then the tangent of that.
enum HuberLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let size = (y - t).magnitude, inner = V.min(alpha, size)
    return inner * (size - V.splat(0.5) * inner)
  }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.max(V.zero - alpha, V.min(alpha, y - t))
  }
}

/// α·(t − y) where the prediction is too small, (1 − α)·(y − t) where it is too large.
enum QuantileLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let difference = y - t
    return difference * V.select(difference, greaterThan: V.zero, V.one - alpha, V.zero - alpha)
  }
  /// 0 at 0.
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let difference = y - t
    let small = V.select(V.zero, greaterThan: difference, V.zero - alpha, difference)
    return V.select(difference, greaterThan: V.zero, V.one - alpha, small)
  }
}

/// max(0, 1 − t·y).
enum HingeLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.max(V.zero, V.one - t * y)
  }
  /// 0 at the corner.
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let value = value(y, t, alpha: alpha)
    return V.select(value, greaterThan: V.zero, V.zero - t, value)
  }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.one, V.one) }
}

/// max(0, 1 − t·y)².
enum SquaredHingeLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let value = HingeLoss.value(y, t, alpha: alpha)
    return value * value
  }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.splat(-2.0) * t * HingeLoss.value(y, t, alpha: alpha)
  }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.one, V.one) }
}

/// −t·ln(y + α) − (1 − t)·ln(1 − y + α).
enum BinaryCrossEntropy: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    let yes = V.weighted(t, V.log(y + alpha))
    return V.zero - (yes + V.weighted(V.one - t, V.logOfRest(y, plus: alpha)))
  }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.weighted(V.one - t, V.one / ((V.one - y) + alpha)) - V.weighted(t, V.one / (y + alpha))
  }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (alpha, V.zero) }
}

/// α·t·softplus(−x) + (1 − t)·softplus(x), written so that nothing cancels: the part beyond ln(1 + e^−|x|) is
/// |x| times the weight of the wrong side.
enum SigmoidCrossEntropy: LossCurve {
  @inline(__always) static func value<V: Vector>(_ x: V, _ t: V, alpha: V) -> V {
    let yes = alpha * t, no = V.one - t
    let wrong = V.select(x, greaterThan: V.zero, no, yes)
    return V.weighted(wrong, x.magnitude) + (yes + no) * V.logOnePlus(V.exp(V.zero - x.magnitude))
  }
  /// (1 − t)·σ(x) − α·t·σ(−x).
  @inline(__always) static func derivative<V: Vector>(_ x: V, _ t: V, alpha: V) -> V {
    let e = V.exp(V.zero - x.magnitude)
    let up = V.select(x, greaterThan: V.zero, V.one, e), down = V.select(x, greaterThan: V.zero, e, V.one)
    return ((V.one - t) * up - alpha * t * down) / (V.one + e)
  }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.splat(-1e4), V.zero) }
}

/// t·σ(−x)^α·softplus(−x) + (1 − t)·σ(x)^α·softplus(x), with the powers from the same two softplus.
enum FocalLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ x: V, _ t: V, alpha: V) -> V {
    let (up, down) = V.softplus(x)
    let yes = power(up, alpha) * down, no = power(down, alpha) * up
    return V.weighted(t, yes) + V.weighted(V.one - t, no)
  }
  /// From |x| = 10⁴ on it no longer changes.
  @inline(__always) static func derivative<V: Vector>(_ x: V, _ t: V, alpha: V) -> V {
    let x = V.min(V.splat(1e4), V.max(V.splat(-1e4), x))
    let (up, down) = V.softplus(x), p = V.sigmoid(x), q = V.sigmoid(V.zero - x)
    let yes = power(up, alpha) * V.fma(alpha * p, down, q)
    let no = power(down, alpha) * V.fma(alpha * q, up, p)
    return (V.one - t) * no - t * yes
  }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.splat(-1e4), V.zero) }

  /// e^(−α·x), 1 for α = 0 even if x is infinite.
  @inline(__always) private static func power<V: Vector>(_ x: V, _ alpha: V) -> V {
    V.exp((V.zero - alpha) * V.min(V.splat(1e30), x))
  }
}

/// y − t·ln(y + α).
enum PoissonLoss: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    y - V.weighted(t, V.log(y + alpha))
  }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.one - V.weighted(t, V.one / (y + alpha))
  }
}

/// eˣ − t·x.
enum PoissonLossOfLog: LossCurve {
  @inline(__always) static func value<V: Vector>(_ x: V, _ t: V, alpha: V) -> V {
    V.exp(x) - V.weighted(t, x)
  }
  @inline(__always) static func derivative<V: Vector>(_ x: V, _ t: V, alpha: V) -> V { V.exp(x) - t }
  @inline(__always) static func nothing<V: Vector>(alpha: V) -> (y: V, t: V) { (V.splat(-1e4), V.zero) }
}

/// t·(ln t − ln(y + α)): two logarithms, because the quotient may overflow.
enum Divergence: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.weighted(t, V.log(t) - V.log(y + alpha))
  }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V {
    V.zero - V.weighted(t, V.one / (y + alpha))
  }
}

/// y: the prediction is the loss.
enum OwnValue: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V { y }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V { V.one }
}

/// t·y: t is the weight of a loss.
enum WeightedValue: LossCurve {
  @inline(__always) static func value<V: Vector>(_ y: V, _ t: V, alpha: V) -> V { V.weighted(t, y) }
  @inline(__always) static func derivative<V: Vector>(_ y: V, _ t: V, alpha: V) -> V { t }
}
