import DenpaKernelTypes

/// Weight decay as a part of the gradient.
struct Decay<V: Vector> {
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
  @inline(__always) var withoutSubnormals: Self {
    Self.select(Self.leastNormal, greaterThan: magnitude, Self.zero, self)
  }
}

/// What an optimizer keeps of a span of weights.
struct Kept<V: Vector> {
  private let memory: UnsafeMutablePointer<V.Scalar>

  @inline(__always) init(_ memory: Mutable?) { self.memory = memory.of(V.Scalar.self) }

  @inline(__always) func load(_ i: Int, _ n: Int) -> V { V.load(memory + i, n) }

  @inline(__always) func set(_ value: V, _ i: Int, _ n: Int) { value.store(memory + i, n) }
}

/// A running mean, kept for each weight: beta·mean + (1 − beta)·x. It is set in the end, after everything has
/// been loaded: a load that follows a store costs Adam a seventh, because the processor takes addresses a
/// multiple of 4 KiB apart for the same.
struct Mean<V: Vector> {
  private let mean: Kept<V>, share: V, rest: V

  @inline(__always) init(_ memory: Mutable?, _ beta: Double) {
    mean = Kept(memory)
    share = V.splat(beta)
    rest = V.splat(1 - beta)
  }

  @inline(__always) func load(_ i: Int, _ n: Int) -> V { mean.load(i, n) }

  @inline(__always) func set(_ value: V, _ i: Int, _ n: Int) { mean.set(value, i, n) }

  /// Returns the mean as it will be with x.
  @inline(__always) func with(_ x: V, _ i: Int, _ n: Int) -> V {
    V.fma(share, load(i, n), rest * x).withoutSubnormals
  }

  @inline(__always) func withSquare(of x: V, _ i: Int, _ n: Int) -> V {
    V.fma(share, load(i, n), rest * x * x).withoutSubnormals
  }
}

/// Adam (Kingma & Ba, 2015) and AdamW; see `AdamArguments` for the formulas.
enum Adam<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: AdamArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: AdamArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<AdamArguments>, _ lower: Int, _ upper: Int) {
    let w = a.pointee.weights.of(V.Scalar.self)
    let g = a.pointee.gradient.of(V.Scalar.self)
    let first = Mean<V>(a.pointee.first, a.pointee.beta1)
    let second = Mean<V>(a.pointee.second, a.pointee.beta2)
    let step = V.splat(-a.pointee.learningRate * a.pointee.correction1)
    let correction2 = V.splat(a.pointee.correction2)
    let epsilon = V.splat(a.pointee.epsilon)
    let isDecoupled = a.pointee.decoupled != 0
    let decay = Decay<V>(isDecoupled ? 0 : a.pointee.weightDecay)
    let kept = V.splat(isDecoupled ? 1 - a.pointee.learningRate * a.pointee.weightDecay : 1)
    sweep(V.self, lower, upper) { i, n in
      let weight = V.load(w + i, n)
      let gradient = decay.gradient(V.load(g + i, n), weight)
      let m = first.with(gradient, i, n)
      let v = second.withSquare(of: gradient, i, n)
      first.set(m, i, n)
      second.set(v, i, n)
      let scale = step / ((v * correction2).squareRoot + epsilon)
      V.fma(m, scale, weight * kept).store(w + i, n)
    }
  }
}
