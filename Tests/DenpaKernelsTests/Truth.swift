import DenpaKernelTypes

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A function computed from its definition, for sums whose own error is larger.
func apply(_ function: Function, _ x: Double, alpha: Double = 0) -> Double {
  switch function {
  case .identity: x
  case .sigmoid: 1 / (1 + exp(-x))
  case .tanh: tanh(x)
  case .relu: x.isNaN ? x : max(0, x)
  case .exp: exp(x)
  case .erf: erf(x)
  case .gelu: 0.5 * x * erfc(-x * 0.5.squareRoot())
  case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .log: log(x)
  case .squareRoot: x.squareRoot()
  case .magnitude: abs(x)
  case .square: x * x
  case .step: x > 0 ? 1 : 0
  case .leakyReLU: x > 0 ? x : alpha * x
  case .elu: x > 0 ? x : alpha * expm1(x)
  case .celu: x > 0 ? x : alpha * expm1(x / alpha)
  case .selu: 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x))
  case .silu: x / (1 + exp(-x))
  case .mish: x * tanh(log1p(exp(x)))
  case .softplus: log1p(exp(x))
  case .softsign: x / (1 + abs(x))
  case .logSigmoid: -log1p(exp(-x))
  case .hardSigmoid: min(1, max(0, (x + 3) / 6))
  case .hardTanh: min(1, max(-1, x))
  case .hardSwish: x * min(1, max(0, (x + 3) / 6))
  case .relu6: min(6, max(0, x))
  }
}

/// f' at y = f(x), or at x if y does not determine it.
func derivativeOf(_ function: Function, _ y: Double, alpha: Double = 0) -> Double {
  let sigmoid = 1 / (1 + exp(-y))
  switch function {
  case .identity: return 1
  case .sigmoid: return y * (1 - y)
  case .tanh: return 1 - y * y
  case .relu: return y > 0 ? 1 : 0
  case .exp: return y
  case .erf: return 2 / Double.pi.squareRoot() * exp(-y * y)
  case .gelu: return 0.5 * erfc(-y * 0.5.squareRoot()) + y * exp(-y * y / 2) / (2 * Double.pi).squareRoot()
  case .geluTanh:
    let t = tanh((2 / Double.pi).squareRoot() * (y + 0.044715 * y * y * y))
    return 0.5 * (1 + t) + 0.5 * y * (1 - t * t) * (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * y * y)
  case .log: return 1 / y
  case .squareRoot: return 0.5 / y
  case .magnitude: return y == 0 ? 0 : y < 0 ? -1 : 1
  case .square: return 2 * y
  case .step: return 0
  case .leakyReLU: return y > 0 ? 1 : alpha
  case .elu: return y > 0 ? 1 : alpha * exp(y)
  case .celu: return y > 0 ? 1 : exp(y / alpha)
  case .selu: return 1.0507009873554805 * (y > 0 ? 1 : 1.6732632423543772 * exp(y))
  case .silu: return sigmoid * (1 + y * (1 - sigmoid))
  case .mish:
    let t = tanh(log1p(exp(y)))
    return t + y * (1 - t * t) * sigmoid
  case .softplus: return sigmoid
  case .softsign: return 1 / ((1 + abs(y)) * (1 + abs(y)))
  case .logSigmoid: return 1 - sigmoid
  case .hardSigmoid: return abs(y) < 3 ? 1.0 / 6 : 0
  case .hardTanh: return abs(y) < 1 ? 1 : 0
  case .hardSwish: return abs(y) < 3 ? y / 3 + 0.5 : y > 0 ? 1 : 0
  case .relu6: return y > 0 && y < 6 ? 1 : 0
  }
}

#if arch(x86_64)
  /// The unrounded sum of two numbers of 80 bits: about 128 bits. Dekker, 1971; Knuth's two-sum.
  private struct Pair {
    var high: Float80, low: Float80

    init(_ high: Float80, _ low: Float80 = 0) {
      self.high = high + low
      self.low = low - (self.high - high)
    }

    static func + (a: Pair, b: Pair) -> Pair {
      let sum = a.high + b.high
      let part = sum - a.high
      return Pair(sum, (a.high - (sum - part)) + (b.high - part) + (a.low + b.low))
    }
    static prefix func - (a: Pair) -> Pair { Pair(-a.high, -a.low) }
    static func * (a: Pair, b: Pair) -> Pair {
      let product = a.high * b.high
      return Pair(product, (-product).addingProduct(a.high, b.high) + (a.high * b.low + a.low * b.high))
    }
  }

  /// A value that is accurate to about 60 bits over the whole range, and the scale for errors: the value
  /// itself, or the sum of its terms' magnitudes if they cancel.
  struct Truth {
    var value: Float80, scale: Float80

    init(_ value: Float80, scale: Float80? = nil) {
      self.value = value
      self.scale = scale ?? value
    }

    static func sigmoid(_ x: Double) -> Truth {
      let e = expl(-abs(Float80(x)))
      return Truth(x < 0 ? e / (1 + e) : 1 / (1 + e))
    }

    static func expMinusOne(_ x: Double) -> Truth { Truth(x > 0 ? Float80(x) : expm1l(Float80(x))) }

    static func softplus(_ x: Double) -> Truth {
      Truth(x.isNaN ? Float80(x) : max(Float80(x), 0) + log1pl(expl(-abs(Float80(x)))))
    }

    /// Far out e^x is subnormal, and its rounding is multiplied by x: values below 10⁻³⁵ count as that large.
    private static let tail: Float80 = 1e-35

    static func silu(_ x: Double) -> Truth {
      let value = x == -.infinity ? 0 : Float80(x) * sigmoid(x).value
      return Truth(value, scale: max(abs(value), tail))
    }

    static func siluDerivative(_ x: Double) -> Truth {
      if abs(x) > 12_000 { return Truth(x > 0 ? 1 : 0) }
      let below = sigmoid(x).value, rest = below * Float80(x) * sigmoid(-x).value
      return Truth(below + rest, scale: max(below + abs(rest), tail))
    }

    static func mish(_ x: Double) -> Truth {
      let value = x == -.infinity ? 0 : Float80(x) * tanhl(softplus(x).value)
      return Truth(value, scale: max(abs(value), tail))
    }

    static func mishDerivative(_ x: Double) -> Truth {
      if abs(x) > 12_000 { return Truth(x > 0 ? 1 : 0) }
      let t = tanhl(softplus(x).value), c = coshl(softplus(min(x, 5_000)).value)
      let rest = Float80(x) / (c * c) * sigmoid(x).value
      return Truth(t + rest, scale: max(t + abs(rest), tail))
    }

    static func erf(_ x: Double) -> Truth { Truth(erfl(Float80(x))) }

    static func erfDerivative(_ x: Double) -> Truth {
      if x.isInfinite { return Truth(0) }
      let square = Pair(Float80(x)) * Pair(Float80(x))
      return Truth(2 / Float80.pi.squareRoot() * expl(-square.high) * (1 - square.low))
    }

    /// e^(−x²/2)/√(2π)
    private static func density(_ x: Double) -> Float80 {
      let half = Pair(Float80(x)) * Pair(Float80(x) / 2)
      return expl(-half.high) * (1 - half.low) / (2 * Float80.pi).squareRoot()
    }

    /// ½·erfc(−x/√2). erfcl is evaluated at a rounded z; e^(z² − x²/2) compensates for that, since e^z²·erfc
    /// z hardly changes.
    private static func distribution(_ x: Double) -> Float80 {
      let z = -Float80(x) * Float80(0.5).squareRoot()
      let gone = Pair(z) * Pair(z) + -(Pair(Float80(x)) * Pair(Float80(x) / 2))
      return x > 0 ? erfcl(z) / 2 : erfcl(z) / 2 * (1 + gone.high)
    }

    static func gelu(_ x: Double) -> Truth {
      // Beyond, a number is its own GELU, or 0.
      if abs(x) > 100 { return Truth(x > 0 ? Float80(x) : 0) }
      return Truth(Float80(x) * distribution(x))
    }

    static func geluDerivative(_ x: Double) -> Truth {
      if abs(x) > 100 { return Truth(x > 0 ? 1 : 0) }
      let (below, rest) = (distribution(x), Float80(x) * density(x))
      return Truth(below + rest, scale: below + abs(rest))
    }

    // 2·√(2/π) and 0.044715 to 128 bits.
    private static let linear = Pair(0xcc42299ea1b28468p-63, 0xfcb3c500bab8e2ffp-128)
    private static let bend = Pair(0xb727136a400fba88p-68, 0x9aaa3ad18d25edd0p-134)

    /// e^(−|s|) for s = 2·√(2/π)·(x + 0.044715·x³).
    private static func tanhTail(_ x: Double) -> Float80 {
      let t = Pair(Float80(abs(x)))
      let s = linear * (t + bend * t * t * t)
      return expl(-s.high) * (1 - s.low)
    }

    static func geluTanh(_ x: Double) -> Truth {
      if abs(x) > 100 { return Truth(x > 0 ? Float80(x) : 0) }
      let e = tanhTail(x)
      return Truth(Float80(x) * (x > 0 ? 1 : e) / (1 + e))
    }

    static func geluTanhDerivative(_ x: Double) -> Truth {
      if abs(x) > 100 { return Truth(x > 0 ? 1 : 0) }
      let e = tanhTail(x)
      let derivative = linear.high * (1 + 3 * bend.high * Float80(x) * Float80(x))
      let (first, second) = ((x > 0 ? 1 : e) / (1 + e), Float80(x) * derivative * e / (1 + e) / (1 + e))
      return Truth(first + second, scale: first + abs(second))
    }
  }
#endif
