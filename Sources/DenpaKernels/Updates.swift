import DenpaKernelTypes

/// A rule by which weights are updated, element by element, with its constants in all lanes; see
/// `UpdateArguments`.
private protocol Rule {
  associatedtype V: Vector
  init(_ a: UpdateArguments)
  /// Updates what is kept of `n` weights from index `i` on, and returns their change.
  func change(_ gradient: V, _ i: Int, _ n: Int) -> V
}

/// The element-wise optimizers other than SGD and Adam, which are so frequent that each has a kernel.
enum Update<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: UpdateArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: UpdateArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<UpdateArguments>, _ lower: Int, _ upper: Int) {
    switch a.pointee.rule {
    case UpdateRule.amsgrad.rawValue: apply(AMSGrad<V>.self, a, lower, upper)
    case UpdateRule.nadam.rawValue: apply(NAdam<V>.self, a, lower, upper)
    case UpdateRule.radam.rawValue: apply(RAdam<V>.self, a, lower, upper)
    case UpdateRule.adamax.rawValue: apply(Adamax<V>.self, a, lower, upper)
    case UpdateRule.rmsprop.rawValue: apply(RMSProp<V>.self, a, lower, upper)
    case UpdateRule.adagrad.rawValue: apply(Adagrad<V>.self, a, lower, upper)
    case UpdateRule.adadelta.rawValue: apply(Adadelta<V>.self, a, lower, upper)
    case UpdateRule.rprop.rawValue: apply(Rprop<V>.self, a, lower, upper)
    default: apply(Lion<V>.self, a, lower, upper)
    }
  }

  @inline(__always)
  private static func apply<R: Rule>(
    _: R.Type, _ a: UnsafePointer<UpdateArguments>, _ lower: Int, _ upper: Int
  ) where R.V == V {
    let w = a.pointee.weights.of(V.Scalar.self)
    let g = a.pointee.gradient.of(V.Scalar.self)
    let rule = R(a.pointee)
    let step = V.splat(-a.pointee.step), kept = V.splat(a.pointee.kept)
    let decay = Decay<V>(a.pointee.weightDecay)
    sweep(V.self, lower, upper) { i, n in
      let weight = V.load(w + i, n)
      let change = rule.change(decay.gradient(V.load(g + i, n), weight), i, n)
      V.fma(step, change, weight * kept).store(w + i, n)
    }
  }
}

/// Adam's two running means, and the constants of its divisor. Rules that keep more load it before `set`; see
/// `Mean`.
private struct Moments<V: Vector> {
  private let first: Mean<V>, second: Mean<V>
  let correction2: V, epsilon: V

  @inline(__always) init(_ a: UpdateArguments) {
    first = Mean(a.first, a.beta1)
    second = Mean(a.second, a.beta2)
    correction2 = V.splat(a.correction2)
    epsilon = V.splat(a.epsilon)
  }

  /// Returns the means as they will be with a gradient.
  @inline(__always) func with(_ gradient: V, _ i: Int, _ n: Int) -> (m: V, v: V) {
    (first.with(gradient, i, n), second.withSquare(of: gradient, i, n))
  }

  @inline(__always) func set(_ means: (m: V, v: V), _ i: Int, _ n: Int) {
    first.set(means.m, i, n)
    second.set(means.v, i, n)
  }
}

/// Adam divided by the root of the greatest mean of squares so far.
private struct AMSGrad<V: Vector>: Rule {
  let moments: Moments<V>, greatest: Kept<V>

  @inline(__always) init(_ a: UpdateArguments) {
    moments = Moments(a)
    greatest = Kept(a.third)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let means = moments.with(gradient, i, n)
    let most = V.max(greatest.load(i, n), means.v)
    moments.set(means, i, n)
    greatest.set(most, i, n)
    return means.m / ((most * moments.correction2).squareRoot + moments.epsilon)
  }
}

private struct NAdam<V: Vector>: Rule {
  let moments: Moments<V>, meanShare: V, gradientShare: V

  @inline(__always) init(_ a: UpdateArguments) {
    moments = Moments(a)
    meanShare = V.splat(a.meanShare)
    gradientShare = V.splat(a.gradientShare)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let means = moments.with(gradient, i, n)
    moments.set(means, i, n)
    return V.fma(meanShare, means.m, gradientShare * gradient)
      / ((means.v * moments.correction2).squareRoot + moments.epsilon)
  }
}

private struct RAdam<V: Vector>: Rule {
  let moments: Moments<V>

  @inline(__always) init(_ a: UpdateArguments) { moments = Moments(a) }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let means = moments.with(gradient, i, n)
    moments.set(means, i, n)
    return means.m
      / V.select(
        moments.correction2, greaterThan: V.zero, means.v.squareRoot + moments.epsilon, V.one)
  }
}

/// Adam with the decaying maximum of the gradient's magnitude instead of the root of its mean square.
private struct Adamax<V: Vector>: Rule {
  let first: Mean<V>, norm: Kept<V>, share: V, epsilon: V

  @inline(__always) init(_ a: UpdateArguments) {
    first = Mean(a.first, a.beta1)
    norm = Kept(a.second)
    share = V.splat(a.beta2)
    epsilon = V.splat(a.epsilon)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let m = first.with(gradient, i, n)
    let u = V.max(share * norm.load(i, n), gradient.magnitude + epsilon)
    first.set(m, i, n)
    norm.set(u, i, n)
    return m / u
  }
}

private struct RMSProp<V: Vector>: Rule {
  let square: Mean<V>, velocity: Kept<V>?, mean: Mean<V>?, momentum: V, epsilon: V

  @inline(__always) init(_ a: UpdateArguments) {
    square = Mean(a.first, a.beta2)
    velocity = a.second == nil ? nil : Kept(a.second)
    mean = a.third == nil ? nil : Mean(a.third, a.beta2)
    momentum = V.splat(a.momentum)
    epsilon = V.splat(a.epsilon)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    var variance = square.withSquare(of: gradient, i, n)
    square.set(variance, i, n)
    if let mean {
      let m = mean.with(gradient, i, n)
      mean.set(m, i, n)
      // Rounding may make it negative for gradients that hardly vary.
      variance = V.max(V.zero, variance - m * m)
    }
    let change = gradient / (variance.squareRoot + epsilon)
    guard let velocity else { return change }
    let speed = V.fma(momentum, velocity.load(i, n), change).withoutSubnormals
    velocity.set(speed, i, n)
    return speed
  }
}

private struct Adagrad<V: Vector>: Rule {
  let sum: Kept<V>, epsilon: V

  @inline(__always) init(_ a: UpdateArguments) {
    sum = Kept(a.first)
    epsilon = V.splat(a.epsilon)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let total = V.fma(gradient, gradient, sum.load(i, n)).withoutSubnormals
    sum.set(total, i, n)
    return gradient / (total.squareRoot + epsilon)
  }
}

private struct Adadelta<V: Vector>: Rule {
  let square: Mean<V>, changes: Mean<V>, epsilon: V

  @inline(__always) init(_ a: UpdateArguments) {
    square = Mean(a.first, a.beta2)
    changes = Mean(a.second, a.beta2)
    epsilon = V.splat(a.epsilon)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let v = square.withSquare(of: gradient, i, n)
    let change = (changes.load(i, n) + epsilon).squareRoot / (v + epsilon).squareRoot * gradient
    let u = changes.withSquare(of: change, i, n)
    square.set(v, i, n)
    changes.set(u, i, n)
    return change
  }
}

private struct Rprop<V: Vector>: Rule {
  let last: Kept<V>, steps: Kept<V>, shrinking: V, growing: V, least: V, greatest: V

  @inline(__always) init(_ a: UpdateArguments) {
    last = Kept(a.first)
    steps = Kept(a.second)
    shrinking = V.splat(a.shrinking)
    growing = V.splat(a.growing)
    least = V.splat(a.leastStep)
    greatest = V.splat(a.greatestStep)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    // The product of signs, because that of small gradients may be 0.
    let turn = gradient.sign * last.load(i, n).sign
    let factor = V.select(turn, greaterThan: V.zero, growing, V.one)
    let step = steps.load(i, n) * V.select(V.zero, greaterThan: turn, shrinking, factor)
    let bounded = V.max(V.min(step, greatest), least)
    // Where the sign changed, the weight waits, and the next gradient counts as the first one.
    let kept = V.select(V.zero, greaterThan: turn, V.zero, gradient)
    steps.set(bounded, i, n)
    last.set(kept, i, n)
    return kept.sign * bounded
  }
}

private struct Lion<V: Vector>: Rule {
  let first: Mean<V>, ahead: Mean<V>

  @inline(__always) init(_ a: UpdateArguments) {
    ahead = Mean(a.first, a.beta1)
    first = Mean(a.first, a.beta2)
  }

  @inline(__always) func change(_ gradient: V, _ i: Int, _ n: Int) -> V {
    let sign = ahead.with(gradient, i, n).sign
    first.set(first.with(gradient, i, n), i, n)
    return sign
  }
}

extension Vector {
  /// 1, −1, or 0 for ±0 and NaN.
  @inline(__always) fileprivate var sign: Self {
    Self.select(
      self, greaterThan: Self.zero, Self.one,
      Self.select(Self.zero, greaterThan: self, Self.splat(-1.0), Self.zero))
  }
}
