import DenpaKernelTypes

/// Weight decay as a part of the gradient.
private struct Decay<V: Vector> {
  private let rate: V

  @inline(__always) init(_ rate: Double) { self.rate = V.splat(rate) }

  /// The gradient with rate·w added. Without decay nothing is added: 0 times an infinite weight is NaN. A
  /// selection costs less than a branch.
  @inline(__always) func gradient(_ gradient: V, _ weight: V) -> V {
    V.select(rate, greaterThan: V.zero, V.fma(rate, weight, gradient), gradient)
  }
}

/// Stochastic gradient descent; see `SGDArguments` for the formulas.
enum SGD<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: SGDArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: SGDArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<SGDArguments>, _ lower: Int, _ upper: Int) {
    let w = a.pointee.weights.of(V.Scalar.self)
    let g = a.pointee.gradient.of(V.Scalar.self)
    let step = V.splat(-a.pointee.learningRate)
    let decay = Decay<V>(a.pointee.weightDecay)
    let momentum = V.splat(a.pointee.momentum)
    guard let velocity = a.pointee.velocity else {
      if a.pointee.weightDecay == 0 {
        sweep(V.self, lower, upper) { i, n in
          V.fma(step, V.load(g + i, n), V.load(w + i, n)).store(w + i, n)
        }
        return
      }
      sweep(V.self, lower, upper) { i, n in
        let weight = V.load(w + i, n)
        V.fma(step, decay.gradient(V.load(g + i, n), weight), weight).store(w + i, n)
      }
      return
    }
    let v = velocity.assumingMemoryBound(to: V.Scalar.self)
    let nesterov = a.pointee.nesterov != 0
    sweep(V.self, lower, upper) { i, n in
      let weight = V.load(w + i, n)
      let gradient = decay.gradient(V.load(g + i, n), weight)
      let speed = V.fma(momentum, V.load(v + i, n), gradient).withoutSubnormals
      speed.store(v + i, n)
      let direction = nesterov ? V.fma(momentum, speed, gradient) : speed
      V.fma(step, direction, weight).store(w + i, n)
    }
  }
}

extension Vector {
  /// This vector with 0 wherever |x| is below the least normal number. An optimizer's state for a weight
  /// without a gradient (in a dead unit) decays until it is subnormal, and arithmetic on that takes a hundred
  /// times as long.
  @inline(__always) fileprivate var withoutSubnormals: Self {
    Self.select(Self.leastNormal, greaterThan: magnitude, Self.zero, self)
  }
}

/// Adam (Kingma & Ba, 2015) and AdamW; see `AdamArguments` for the formulas.
enum Adam<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: AdamArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: AdamArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<AdamArguments>, _ lower: Int, _ upper: Int) {
    let w = a.pointee.weights.of(V.Scalar.self)
    let g = a.pointee.gradient.of(V.Scalar.self)
    let first = a.pointee.first.of(V.Scalar.self)
    let second = a.pointee.second.of(V.Scalar.self)
    let beta1 = V.splat(a.pointee.beta1), rest1 = V.splat(1 - a.pointee.beta1)
    let beta2 = V.splat(a.pointee.beta2), rest2 = V.splat(1 - a.pointee.beta2)
    let step = V.splat(-a.pointee.learningRate * a.pointee.correction1)
    let correction2 = V.splat(a.pointee.correction2)
    let epsilon = V.splat(a.pointee.epsilon)
    let isDecoupled = a.pointee.decoupled != 0
    let decay = Decay<V>(isDecoupled ? 0 : a.pointee.weightDecay)
    let kept = V.splat(isDecoupled ? 1 - a.pointee.learningRate * a.pointee.weightDecay : 1)
    sweep(V.self, lower, upper) { i, n in
      let weight = V.load(w + i, n)
      let gradient = decay.gradient(V.load(g + i, n), weight)
      let m = V.fma(beta1, V.load(first + i, n), rest1 * gradient).withoutSubnormals
      let v = V.fma(beta2, V.load(second + i, n), rest2 * gradient * gradient).withoutSubnormals
      m.store(first + i, n)
      v.store(second + i, n)
      let scale = step / ((v * correction2).squareRoot + epsilon)
      V.fma(m, scale, weight * kept).store(w + i, n)
    }
  }
}
