// exp, log, tanh and sigmoid on whole vectors: no branch, no table, no libm. The maximum errors, in ulp, are
// those measured over the whole range by Tests/DenpaKernelsTests/FunctionTests.swift.

extension Vector {
  /// Returns eˣ = 2ⁿ·eʳ with n = round(x / ln 2) and |r| ≤ ½·ln 2 (Cody & Waite 1980: ln 2 in two parts), eʳ
  /// = 1 + r + r²·P(r) with P minimax. Results below the least normal number are rounded once.
  ///
  /// Error: float32 < 1 ulp, float64 < 1 ulp. exp(−∞) = 0, exp(∞) = ∞; NaN is preserved.
  @inline(__always) static func exp(_ x: Self) -> Self {
    let clamped = min(expHighest, max(expLowest, x))
    let (n, q) = reduced(clamped)
    return (q + one).scaled(byPowerOfTwo: n)
  }

  /// Returns eˣ − 1 for x ≤ 0 without cancellation, as 2ⁿ·(eʳ − 1) + (2ⁿ − 1).
  ///
  /// Error: float32 < 1.5 ulp, float64 < 1.5 ulp. −1 at −∞; NaN and −0 are preserved. Not meant for x > 0.
  @inline(__always) static func expMinusOne(_ x: Self) -> Self {
    let (n, q) = reduced(min(zero, max(splat(-80.0), x)))
    let power = powerOfTwo(n)
    return fma(power, q, power - one).withSign(of: x)
  }

  /// Returns ln(1 + z) for 0 ≤ z ≤ 1: what rounding 1 + z loses is added again, to first order.
  ///
  /// Its error is part of softplus's, which is < 3 ulp in float32 and float64. NaN is preserved.
  @inline(__always) static func logOnePlus(_ z: Self) -> Self {
    let sum = one + z
    return log(sum) + (z - (sum - one)) / sum
  }

  /// Returns n and eʳ − 1 of the above.
  @inline(__always) private static func reduced(_ x: Self) -> (n: Self, q: Self) {
    let (n, r) = remainder(x)
    return (n, fma(r * r, expPolynomial(r), r))
  }

  /// Does the same for high + low, with low small compared to 1: for arguments whose rounding would show in
  /// the result.
  @inline(__always) static func reduced(_ high: Self, plus low: Self) -> (n: Self, q: Self) {
    let (n, rest) = remainder(high)
    let r = rest + low
    return (n, fma(r * r, expPolynomial(r), r))
  }

  @inline(__always) private static func remainder(_ x: Self) -> (n: Self, r: Self) {
    let n = (x * splat(1.4426950408889634)).rounded
    return (n, fma(n, zero - ln2Low, fma(n, zero - ln2High, x)))
  }

  /// Returns tanh: tanh |x| = 1 − 2 / (e^2|x| + 1) from 0.625 on, below that |x| + |x|·x²·P(x²)/Q(x²)
  /// (Cephes, Moshier 1989), with a single division for both.
  ///
  /// Error: float32 < 1.4 ulp, float64 < 1.4 ulp. tanh(±∞) = ±1; NaN and −0 are preserved.
  @inline(__always) static func tanh(_ x: Self) -> Self {
    let size = x.magnitude
    let (n, q) = reduced(min(splat(44.0), size + size))
    let (p, denominator) = tanhFraction(size * size)
    let limit = splat(0.625)
    let above = select(limit, greaterThan: size, size * p, splat(-2.0))
    let below = select(limit, greaterThan: size, denominator, powerOfTwo(n) * (q + one) + one)
    return (select(limit, greaterThan: size, size, one) + above / below).withSign(of: x)
  }

  /// Returns 1 / (1 + e^−x), computed from e^−|x| so that small results for negative x keep their precision.
  ///
  /// Error: float32 < 2.4 ulp, float64 < 2.4 ulp. sigmoid(−∞) = 0, sigmoid(∞) = 1; NaN is preserved.
  @inline(__always) static func sigmoid(_ x: Self) -> Self {
    let e = exp(zero - x.magnitude)
    return select(x, greaterThan: zero, one, e) / (one + e)
  }

  /// Returns ln x = e·ln 2 + ln m, m in √½ … √2, ln m as in fdlibm (Sun, 1993): s = f / (2 + f), f = m − 1.
  ///
  /// Error: float32 < 0.9 ulp, float64 < 0.8 ulp. log(0) = −∞, log(∞) = ∞; NaN for negative numbers and NaN.
  @inline(__always) static func log(_ x: Self) -> Self {
    let lift = powerOfTwo(splat(fractionBits))
    let normal = select(leastNormal, greaterThan: x, x * lift, x)
    let lowered = select(leastNormal, greaterThan: x, splat(fractionBits), zero)
    let large = select(normal.mantissa, greaterThan: splat(1.4142135623730951), one, zero)
    let m = normal.mantissa * fma(large, splat(-0.5), one)
    let e = normal.exponent - lowered + large
    let f = m - one
    let s = f / (splat(2.0) + f)
    let z = s * s
    let square = splat(0.5) * f * f
    let correction = fma(s, square + z * logPolynomial(z), e * ln2Low)
    let result = e * ln2High - ((square - correction) - f)
    let infinity = splat(Double.infinity)
    let positive = select(x, greaterThan: greatestFinite, infinity, result)
    return select(
      x, greaterThan: zero, positive, select(x, equals: zero, zero - infinity, splat(Double.nan)))
  }
}

extension Floats {
  @inline(__always) static var ln2High: Self { splat(0.693145751953125) }
  @inline(__always) static var ln2Low: Self { splat(1.4286068203094173e-06) }
  @inline(__always) static var expLowest: Self { splat(-105.0) }
  @inline(__always) static var expHighest: Self { splat(89.0) }
  @inline(__always) static var leastNormal: Self { splat(Float.leastNormalMagnitude) }
  @inline(__always) static var greatestFinite: Self { splat(Float.greatestFiniteMagnitude) }
  @inline(__always) static var fractionBits: Double { 24 }

  /// Minimax on ±0.3473; 3·10⁻⁹ relative to eʳ.
  @inline(__always) static func expPolynomial(_ r: Self) -> Self {
    var p = splat(0.0013814320723908771576)
    p = fma(p, r, splat(0.0083688510680552338719))
    p = fma(p, r, splat(0.041668401080782745172))
    p = fma(p, r, splat(0.16666519524074657957))
    return fma(p, r, splat(0.49999993373099990223))
  }

  /// The numerator, times z, and the denominator.
  @inline(__always) static func tanhFraction(_ z: Self) -> (Self, Self) {
    var p = splat(-5.70498872745e-3)
    p = fma(p, z, splat(2.06390887954e-2))
    p = fma(p, z, splat(-5.37397155531e-2))
    p = fma(p, z, splat(1.33314422036e-1))
    p = fma(p, z, splat(-3.33332819422e-1))
    return (p * z, one)
  }

  @inline(__always) static func logPolynomial(_ z: Self) -> Self {
    var p = fma(z, splat(0.24279078841209412), splat(0.28498786687850952))
    p = fma(p, z, splat(0.40000972151756287))
    return fma(p, z, splat(0.66666662693023682))
  }
}

extension Doubles {
  @inline(__always) static var ln2High: Self { splat(0.693147180559663) }
  @inline(__always) static var ln2Low: Self { splat(2.8235290563031577e-13) }
  @inline(__always) static var expLowest: Self { splat(-747.0) }
  @inline(__always) static var expHighest: Self { splat(710.0) }
  @inline(__always) static var leastNormal: Self { splat(Double.leastNormalMagnitude) }
  @inline(__always) static var greatestFinite: Self { splat(Double.greatestFiniteMagnitude) }
  @inline(__always) static var fractionBits: Double { 53 }

  /// Least squares at Chebyshev nodes of ±0.3473; 5·10⁻¹⁸ relative to eʳ.
  @inline(__always) static func expPolynomial(_ r: Self) -> Self {
    var p = splat(2.51126962085785935e-8)
    p = fma(p, r, splat(2.76317958039178976e-7))
    p = fma(p, r, splat(2.75572328415563283e-6))
    p = fma(p, r, splat(0.0000248014884648082778))
    p = fma(p, r, splat(0.000198412698985752988))
    p = fma(p, r, splat(0.00138888889484969306))
    p = fma(p, r, splat(0.00833333333331605463))
    p = fma(p, r, splat(0.0416666666665094013))
    p = fma(p, r, splat(0.166666666666666849))
    return fma(p, r, splat(0.500000000000001355))
  }

  /// The numerator, times z, and the denominator.
  @inline(__always) static func tanhFraction(_ z: Self) -> (Self, Self) {
    var p = splat(-9.64399179425052238628e-1)
    p = fma(p, z, splat(-9.92877231001918586564e1))
    p = fma(p, z, splat(-1.61468768441708447952e3))
    var q = z + splat(1.12811678491632931402e2)
    q = fma(q, z, splat(2.23548839060100448583e3))
    q = fma(q, z, splat(4.84406305325125486048e3))
    return (p * z, q)
  }

  @inline(__always) static func logPolynomial(_ z: Self) -> Self {
    var p = splat(1.479819860511658591e-01)
    p = fma(p, z, splat(1.531383769920937332e-01))
    p = fma(p, z, splat(1.818357216161805012e-01))
    p = fma(p, z, splat(2.222219843214978396e-01))
    p = fma(p, z, splat(2.857142874366239149e-01))
    p = fma(p, z, splat(3.999999999940941908e-01))
    return fma(p, z, splat(6.666666666666735130e-01))
  }
}
