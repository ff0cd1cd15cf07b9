// erf and GELU on whole vectors: no branch, no table, no libm. All but the tanh form of GELU use the tail of
// the normal distribution,
//
//   Q(t) = ½·erfc(t/√2) = e^(−t²/2)·R(t), t ≥ 0,
//
// where (t + c)·R(t) is a single polynomial in (c − t)/(c + t) for all t (Shepherd & Laframboise, 1981). The
// coefficients come from scripts/fit_functions.py; the maximum errors, in ulp, are those measured over the
// whole range by Tests/DenpaKernelsTests/FunctionTests.swift.
//
// Both forms of GELU are max(x, 0) − g(|x|) with g(t) = t·(the probability above t): nothing cancels on the
// negative side, where they end in the subnormal numbers.

extension Vector {
  /// Returns erf x = (2/√π)·∫₀ˣ e^(−s²) ds: x + x·P(x²) up to 1, 1 − 2·Q(x·√2) above.
  ///
  /// Error: float32 < 1.3 ulp, float64 < 1.5 ulp. erf(±∞) = ±1; NaN and −0 are preserved.
  @inline(__always) static func erf(_ x: Self) -> Self {
    let size = x.magnitude
    let z = min(splat(6.0), size)
    let rest = tailRatio(z * splat(1.4142135623730951))
    let above = one - bell(z, scale: splat(-1.0), times: rest + rest)
    let below = fma(size, erfPolynomial(size * size), size)
    return select(size, greaterThan: one, above, below).withSign(of: x)
  }

  /// Returns erf′ x = (2/√π)·e^(−x²).
  ///
  /// Error: float32 < 2.2 ulp, float64 < 1.7 ulp. 0 at ±∞; NaN is preserved.
  @inline(__always) static func erfDerivative(_ x: Self) -> Self {
    bell(min(tailLimit * splat(0.75), x.magnitude), scale: splat(-1.0), times: splat(1.1283791670955126))
  }

  /// Returns GELU: x·Φ(x) with Φ(x) = ½·(1 + erf(x/√2)) (Hendrycks & Gimpel, 2016).
  ///
  /// Error: float32 < 4 ulp, float64 < 3.6 ulp. gelu(−∞) = 0, gelu(∞) = ∞; NaN and −0 are preserved.
  @inline(__always) static func gelu(_ x: Self) -> Self {
    let t = min(tailLimit, x.magnitude)
    // t·R(t), with a single division for t/(t + c) and, derived from it, (c − t)/(c + t).
    let part = t / (t + tailShift)
    let factor = part * tailPolynomial(fma(splat(-2.0), part, one))
    return max(zero, x) - bell(t, scale: splat(-0.5), times: factor)
  }

  /// Returns gelu′ x = Φ(x) + x·φ(x), φ(x) = e^(−x²/2)/√(2π).
  ///
  /// Error: float32 < 4.5 ulp, float64 < 4 ulp of Φ(x) + |x|·φ(x); the derivative is 0 near −0.75. 0 at −∞, 1
  /// at ∞; NaN is preserved.
  @inline(__always) static func geluDerivative(_ x: Self) -> Self {
    let t = min(tailLimit, x.magnitude)
    let h = bell(t, scale: splat(-0.5), times: fma(t, splat(-0.3989422804014327), tailRatio(t)))
    return select(x, greaterThan: zero, one - h, h)
  }

  /// Returns GELU with tanh: x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))) = x·sigmoid(s(x)), where s is twice the
  /// argument of tanh (Hendrycks & Gimpel, 2016).
  ///
  /// Error: float32 < 3 ulp, float64 < 2.8 ulp. Special values as for `gelu`.
  @inline(__always) static func geluTanh(_ x: Self) -> Self {
    let t = min(tanhTailLimit, x.magnitude)
    let (n, q, whole, _) = tanhTail(t)
    let factor = t / whole
    return max(zero, x) - fma(q, factor, factor).scaled(byPowerOfTwo: n)
  }

  /// Returns the derivative of `geluTanh`, sigmoid(s) + x·s′·sigmoid(s)·(1 − sigmoid(s)).
  ///
  /// Error: float32 < 4.5 ulp, float64 < 4.5 ulp of the sum of the magnitudes of its two terms. Special
  /// values as for `geluDerivative`.
  @inline(__always) static func geluTanhDerivative(_ x: Self) -> Self {
    let t = min(tanhTailLimit, x.magnitude)
    let (n, q, whole, rest) = tanhTail(t)
    let square = exactProduct(t, t)
    let derivative = fma(splat(3.0) * cubic, square.high, fma(splat(3.0) * cubic, square.low, linear))
    let factor = fma(t * splat(-1.0), derivative, whole) / fma(whole, whole, rest + rest)
    let h = fma(q, factor, factor).scaled(byPowerOfTwo: n)
    return select(x, greaterThan: zero, one - h, h)
  }

  /// Returns R(t).
  @inline(__always) private static func tailRatio(_ t: Self) -> Self {
    let inverse = one / (t + tailShift)
    return inverse * tailPolynomial(fma(splat(-2.0), t * inverse, one))
  }

  /// c: smaller values keep the polynomial's terms small, larger ones its degree.
  @inline(__always) private static var tailShift: Self { splat(3.375) }

  /// Returns e^(scale·t²)·factor for a scale that is a power of two, rounded once if subnormal. It would
  /// magnify an error in t², so t² is computed exactly.
  @inline(__always) private static func bell(_ t: Self, scale: Self, times factor: Self) -> Self {
    let square = exactProduct(t, t)
    let (n, q) = reduced(square.high * scale, plus: square.low * scale)
    return fma(q, factor, factor).scaled(byPowerOfTwo: n)
  }

  /// Returns e^(−s) = 2ⁿ·(1 + q), and 1 + e^(−s) in two parts. s = t·(linear + cubic·t²) can reach hundreds,
  /// so it is computed in twice the precision.
  @inline(__always) private static func tanhTail(_ t: Self) -> (n: Self, q: Self, whole: Self, rest: Self) {
    let square = exactProduct(t, t)
    let bent = exactProduct(cubic, square.high)
    let bentLow = fma(cubic, square.low, fma(cubicRest, square.high, bent.low))
    let sum = linear + bent.high
    let part = sum - linear
    let lost = (linear - (sum - part)) + (bent.high - part)
    let s = exactProduct(t, sum)
    let low = fma(t, lost + (bentLow + linearRest), s.low)
    let (n, q) = reduced(s.high * splat(-1.0), plus: low * splat(-1.0))
    // Next to 1, values below 2⁻⁶⁰ are negligible; this keeps 2ⁿ a normal number.
    let e = powerOfTwo(max(splat(-60.0), n)) * (q + one)
    let whole = e + one
    return (n, q, whole, e - (whole - one))
  }

  /// Returns a·b = high + low, exact except for underflow (Dekker, 1971, if there is no fused multiply-add).
  @inline(__always) private static func exactProduct(_ a: Self, _ b: Self) -> (high: Self, low: Self) {
    let high = a * b
    #if DENPA_AVX512 || DENPA_AVX2 || arch(arm64)
      return (high, fma(a, b, high * splat(-1.0)))
    #else
      let (p, q) = (a.halves, b.halves)
      return (high, q.low * p.low - (((high - p.high * q.high) - p.low * q.high) - p.high * q.low))
    #endif
  }

  /// The upper half of the digits, and the remainder.
  @inline(__always) private var halves: (high: Self, low: Self) {
    let scaled = self * Self.splitter
    let high = scaled - (scaled - self)
    return (high, self - high)
  }
}

extension Floats {
  @inline(__always) static var splitter: Self { splat(4097.0) }
  @inline(__always) static var linear: Self { splat(1.5957691669464111) }
  @inline(__always) static var linearRest: Self { splat(-4.534068054340423e-08) }
  @inline(__always) static var cubic: Self { splat(0.07135481387376785) }
  @inline(__always) static var cubicRest: Self { splat(2.3988324659995897e-09) }
  @inline(__always) static var tailLimit: Self { splat(14.7) }
  @inline(__always) static var tanhTailLimit: Self { splat(11.2) }

  /// Relative error: 2^−28.6.
  @inline(__always) static func tailPolynomial(_ v: Self) -> Self {
    var p = fma(v, splat(-2.631925268e-6), splat(-0.0001301201433))
    p = fma(v, p, splat(0.0003092682808))
    p = fma(v, p, splat(0.0008458628358))
    p = fma(v, p, splat(-0.002249827523))
    p = fma(v, p, splat(-0.007824100362))
    p = fma(v, p, splat(0.008718719313))
    p = fma(v, p, splat(0.0983843576))
    p = fma(v, p, splat(0.2953759732))
    p = fma(v, p, splat(0.5529922155))
    return fma(v, p, splat(0.741080279))
  }

  /// Error: 2^−29.6, relative to erf √z / √z.
  @inline(__always) static func erfPolynomial(_ z: Self) -> Self {
    var p = fma(z, splat(7.852162234e-5), splat(-0.0008009631606))
    p = fma(z, p, splat(0.005188258093))
    p = fma(z, p, splat(-0.02685377236))
    p = fma(z, p, splat(0.1128358414))
    p = fma(z, p, splat(-0.3761262573))
    return fma(z, p, splat(0.1283791657))
  }
}

extension Doubles {
  @inline(__always) static var splitter: Self { splat(134_217_729.0) }
  @inline(__always) static var linear: Self { splat(1.5957691216057308) }
  @inline(__always) static var linearRest: Self { splat(-9.96930880911092e-17) }
  @inline(__always) static var cubic: Self { splat(0.07135481627260025) }
  @inline(__always) static var cubicRest: Self { splat(-6.175149918155315e-19) }
  @inline(__always) static var tailLimit: Self { splat(38.9) }
  @inline(__always) static var tanhTailLimit: Self { splat(22.5) }

  /// Relative error: 2^−58.7.
  @inline(__always) static func tailPolynomial(_ v: Self) -> Self {
    var p = fma(v, splat(7.4200112530141465804e-10), splat(-3.1875295375469054498e-9))
    p = fma(v, p, splat(4.3223911717088213367e-10))
    p = fma(v, p, splat(1.9863963013667162849e-8))
    p = fma(v, p, splat(-3.2516123074334315936e-8))
    p = fma(v, p, splat(-4.1246665485135647186e-8))
    p = fma(v, p, splat(1.9413846712397433348e-7))
    p = fma(v, p, splat(-1.1268862815616726306e-7))
    p = fma(v, p, splat(-6.3810031019296827082e-7))
    p = fma(v, p, splat(1.3727498008960444687e-6))
    p = fma(v, p, splat(9.6330802955556473766e-7))
    p = fma(v, p, splat(-7.4626096087538132187e-6))
    p = fma(v, p, splat(4.0005309790764666628e-6))
    p = fma(v, p, splat(0.000032840161825821481999))
    p = fma(v, p, splat(-0.000049400921959978297137))
    p = fma(v, p, splat(-0.00014572828428787338438))
    p = fma(v, p, splat(0.00035576108022384464155))
    p = fma(v, p, splat(0.00084364568902766256767))
    p = fma(v, p, splat(-0.00226738601798525519))
    p = fma(v, p, splat(-0.0078219607190129160349))
    p = fma(v, p, splat(0.0087215983684636330215))
    p = fma(v, p, splat(0.098384066476210069699))
    p = fma(v, p, splat(0.29537579838195854405))
    p = fma(v, p, splat(0.55299222359322441307))
    return fma(v, p, splat(0.74108028077569732242))
  }

  /// Error: 2^−56.9, relative to erf √z / √z.
  @inline(__always) static func erfPolynomial(_ z: Self) -> Self {
    var p = fma(z, splat(-7.7794525376328749614e-10), splat(1.3710971446432861973e-8))
    p = fma(z, p, splat(-1.6206311600117849066e-7))
    p = fma(z, p, splat(1.6447131275390001202e-6))
    p = fma(z, p, splat(-0.000014924712276552136083))
    p = fma(z, p, splat(0.00012055293575488860272))
    p = fma(z, p, splat(-0.00085483259292647342102))
    p = fma(z, p, splat(0.0052239776061173430081))
    p = fma(z, p, splat(-0.02686617064311125077))
    p = fma(z, p, splat(0.11283791670944180169))
    p = fma(z, p, splat(-0.3761263890318351899))
    return fma(z, p, splat(0.12837916709551256553))
  }
}
