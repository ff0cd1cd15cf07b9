import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private func map<T: Element>(
  _ table: KernelTable, _ function: Function, _ x: [T], alpha: Double = 1
) -> [T] {
  let input = Guarded(x), output = Guarded<T>(x.count)
  var arguments = MapArguments()
  arguments.count = x.count
  arguments.alpha = alpha
  arguments.function = function.rawValue
  arguments.x = Const(input.base)
  arguments.y = Mutable(output.base)
  call(table[.map], arguments)
  return output.values
}

/// f'(x) · 1, computed from `point`.
private func derivative<T: Element>(
  _ table: KernelTable, _ function: Function, _ point: [T], alpha: Double = 1
) -> [T] {
  let input = Guarded(point), one = Guarded([T](repeating: 1, count: point.count)),
    output = Guarded<T>(point.count)
  var arguments = MapGradientArguments()
  arguments.count = point.count
  arguments.alpha = alpha
  arguments.function = function.rawValue
  arguments.y = Const(input.base)
  arguments.dy = Const(one.base)
  arguments.dx = Mutable(output.base)
  call(table[.mapGradient], arguments)
  return output.values
}

/// log x, which is the cross-entropy of the one probability x, times −1.
private func logarithm<T: Element>(_ table: KernelTable, _ x: [T]) -> [T] {
  let input = Guarded(x), output = Guarded<T>(x.count)
  let target = [UInt8](repeating: 0, count: x.count)
  var arguments = CrossEntropyArguments()
  arguments.rows = x.count
  arguments.columns = 1
  arguments.targetKind = TargetKind.uint8.rawValue
  arguments.scale = -1
  arguments.perRow = 1
  arguments.prediction = Const(input.base)
  arguments.loss = Mutable(output.base)
  target.withUnsafeBytes {
    arguments.target = $0.baseAddress
    call(table[.crossEntropy], arguments)
  }
  return output.values
}

#if arch(x86_64)
  // The reference is computed with 80 bits and more, which only this architecture supports.

  /// Returns the largest error in units in the last place of `scale`; NaN and infinities must agree.
  private func worst<T: Element>(_ y: [T], _ truth: [Truth]) -> Double {
    var largest = 0.0
    for (y, exact) in zip(y, truth) {
      let rounded = T(exact.value)
      if rounded.isNaN || rounded.isInfinite {
        if !(rounded.isNaN ? y.isNaN : y == rounded) { return .infinity }
        continue
      }
      let unit = Float80(Double(Swift.max(T(exact.scale).magnitude, T.leastNormalMagnitude).ulp))
      let error = Double(abs(Float80(Double(y)) - exact.value) / unit)
      if error.isNaN { return .infinity }
      largest = Swift.max(largest, error)
    }
    return largest
  }

  private let ulpStride = UInt64(getenv("DENPA_ULP_STRIDE").map { String(cString: $0) } ?? "") ?? 16_411

  /// All special values, and points over all magnitudes, denser where functions bend; for float32 also one in
  /// a number of all bit patterns, and all of them with the environment variable DENPA_ULP_STRIDE=1.
  private func points<T: Element>(_: T.Type, _ part: Range<UInt64>) -> [T] {
    var x = [T]()
    if part.lowerBound == 0 {
      x = [
        0, -0.0, .infinity, -.infinity, .nan, 1, -1, 10, -10, .leastNormalMagnitude, .leastNonzeroMagnitude,
      ]
      x += [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, -.leastNonzeroMagnitude]
      var random = Generator(42)
      for i in 0..<(T.self == Float.self ? 100_003 : 300_007) {
        switch i % 5 {
        case 0: x.append(T(random.number() * 2))
        case 1: x.append(T(random.number() * 20))
        case 2: x.append(T(random.number() * (T.self == Float.self ? 110 : 760)))
        case 3: x.append(T(random.number() * pow(2, Double(random.below(120) - 60))))
        default: x.append(T(random.number() * 40))
        }
      }
    }
    if T.self == Float.self {
      for bits in stride(
        from: (part.lowerBound + ulpStride - 1) / ulpStride * ulpStride, to: part.upperBound,
        by: Int(ulpStride))
      {
        x.append(T(Float(bitPattern: UInt32(bits))))
      }
    }
    return x
  }

  private struct Measured {
    /// nil: the logarithm, which is measured through the cross-entropy.
    var function: Function?
    var isDerivative = false
    /// The bounds that Exponential.swift and ErrorFunction.swift promise.
    var limits: (float32: Double, float64: Double)
    var truth: (Double) -> Truth
    var largest: [Double] = []

    var name: String { (function.map { "\($0)" } ?? "log") + (isDerivative ? " derivative" : "") }

    func values<T: Element>(_ table: KernelTable, _ x: [T]) -> [T] {
      guard let function else { return logarithm(table, x.map { $0.magnitude }) }
      return isDerivative ? derivative(table, function, x) : map(table, function, x)
    }
  }

  private func functionsAreExact<T: Element>(_: T.Type) {
    let sets = availableKernelSets()
    var measured = [
      Measured(function: .exp, limits: (1, 1)) { Truth(expl(Float80($0))) },
      Measured(function: nil, limits: (0.9, 0.8)) { Truth(logl(Float80(abs($0)))) },
      Measured(function: .tanh, limits: (1.4, 1.4)) { Truth(tanhl(Float80($0))) },
      Measured(function: .sigmoid, limits: (2.4, 2.4), truth: Truth.sigmoid),
      Measured(function: .erf, limits: (1.3, 1.5), truth: Truth.erf),
      Measured(function: .erf, isDerivative: true, limits: (2.2, 1.7), truth: Truth.erfDerivative),
      Measured(function: .gelu, limits: (4, 3.6), truth: Truth.gelu),
      Measured(function: .gelu, isDerivative: true, limits: (4.5, 4), truth: Truth.geluDerivative),
      Measured(function: .geluTanh, limits: (3, 2.8), truth: Truth.geluTanh),
      Measured(function: .geluTanh, isDerivative: true, limits: (4.5, 4.5), truth: Truth.geluTanhDerivative),
      Measured(function: .elu, limits: (1.5, 1.5), truth: Truth.expMinusOne),
      Measured(function: .softplus, limits: (3, 3), truth: Truth.softplus),
      Measured(function: .silu, limits: (3.5, 3.5), truth: Truth.silu),
      Measured(function: .silu, isDerivative: true, limits: (5, 5), truth: Truth.siluDerivative),
      Measured(function: .mish, limits: (6, 6), truth: Truth.mish),
      Measured(function: .mish, isDerivative: true, limits: (8, 8), truth: Truth.mishDerivative),
    ]
    for i in measured.indices { measured[i].largest = sets.map { _ in 0 } }
    // In parts, because all float32 at once are too many for memory.
    let end: UInt64 = T.self == Float.self ? 1 << 32 : 1
    for lower in stride(from: 0, to: end, by: Int(ulpStride << 18)) {
      let x = points(T.self, lower..<min(lower + (ulpStride << 18), end))
      let doubles = x.map { Double($0) }
      for i in measured.indices {
        let truth = doubles.map(measured[i].truth)
        for (number, set) in sets.enumerated() {
          let table = T.table(set)
          let y = measured[i].values(table, x)
          measured[i].largest[number] = Swift.max(measured[i].largest[number], worst(y, truth))
        }
      }
    }
    for (number, set) in sets.enumerated() {
      for item in measured {
        let limit = T.self == Float.self ? item.limits.float32 : item.limits.float64
        print("\(set.name) \(T.self) \(item.name): \(item.largest[number]) ulp, limit \(limit)")
        #expect(item.largest[number] < limit, "\(set.name) \(T.self) \(item.name)")
      }
    }
  }

  @Test func functionsOfFloat32() { functionsAreExact(Float.self) }
  @Test func functionsOfFloat64() { functionsAreExact(Double.self) }
#endif

extension Function {
  /// f(−x) = f(x)
  fileprivate var isEven: Bool { self == .magnitude || self == .square }

  fileprivate var hasFlatPieces: Bool {
    switch self {
    case .identity, .relu, .step, .leakyReLU, .hardSigmoid, .hardTanh, .hardSwish, .relu6: true
    default: false
    }
  }

  /// The limits at −∞ and ∞; nil: not one of those that have their own.
  fileprivate var limits: (Double, Double)? {
    switch self {
    case .elu, .celu, .softsign, .hardTanh: (-1, self == .softsign || self == .hardTanh ? 1 : .infinity)
    case .silu, .mish, .hardSwish, .softplus: (0, .infinity)
    case .logSigmoid: (-.infinity, 0)
    case .hardSigmoid, .step: (0, 1)
    case .relu6: (0, 6)
    default: nil
    }
  }
}

private func specialValues<T: Element>(_: T.Type) {
  for set in availableKernelSets() {
    let table = T.table(set)
    let x: [T] = [.nan, -.infinity, -1, -0.0, 0, 2, .infinity]
    let relu = map(table, .relu, x)
    #expect(relu[0].isNaN && Array(relu[1...]) == [0, 0, 0, 0, 2, .infinity])
    #expect(logarithm(table, [-1 as T])[0].isNaN)
    for function in Function.allCases {
      let y = map(table, function, x)
      #expect(y[0].isNaN, "\(set.name) \(function)")
      if function == .step {
        #expect(y[1...] == [0, 0, 0, 0, 1, 1])
      } else if apply(function, 0, alpha: 1) == 0 {
        #expect(
          y[3] == 0 && y[3].sign == (function.isEven ? .plus : .minus) && y[4] == 0 && y[4].sign == .plus,
          "\(set.name) \(function)")
      }
      if let (low, high) = function.limits {
        #expect(y[1] == T(low) && y[6] == T(high), "\(set.name) \(function)")
        let far = derivative(table, function, [-.infinity, .infinity] as [T])
        #expect(far.allSatisfy { abs($0 - $0.rounded()) <= 1e-15 }, "\(set.name) \(function)")
      }
      let derivatives = derivative(table, function, function.derivativeFromOutput ? y : x)
      // A comparison with NaN is false, so the derivatives of functions of straight lines are finite there.
      #expect(function.hasFlatPieces || derivatives[0].isNaN, "\(set.name) \(function)")
    }
    for function in [Function.gelu, .geluTanh] {
      let y = map(table, function, x), dy = derivative(table, function, x)
      #expect(y[1] == 0 && y[6] == .infinity, "\(set.name) \(function)")
      #expect(
        dy[1] == 0 && near(dy[3], 0.5, ulps: 1) && near(dy[4], 0.5, ulps: 1) && dy[6] == 1,
        "\(set.name) \(function)")
      // For large negative arguments the result is 0, not even the smallest number.
      let far: [T] = [-40, -1e10, -.greatestFiniteMagnitude]
      #expect(map(table, function, far) == [0, 0, 0] && derivative(table, function, far) == [0, 0, 0])
    }
  }
}

@Test func functionsOfSpecialValues() {
  specialValues(Float.self)
  specialValues(Double.self)
}

@Test func sigmoidOfTen() {
  for set in availableKernelSets() {
    #expect(abs(map(set.float64, .sigmoid, [10.0])[0] - 0.9999546021312976) < 1e-15)
  }
}

private func derivatives<T: Element>(_: T.Type) {
  var random = Generator(3)
  for set in availableKernelSets() {
    for count in [0, 1, 2, 3, 7, 8, 15, 16, 17, 33, 100, 40_001] {
      for function in Function.allCases {
        for accumulate in [false, true] {
          let y = Guarded<T>(random.numbers(count)), dy = Guarded<T>(random.numbers(count))
          let dx = Guarded<T>(random.numbers(count))
          // The derivatives of log and √ are infinite there.
          if count > 2, function != .log, function != .squareRoot { y.base[1] = 0 }
          let before = dx.values
          var arguments = MapGradientArguments()
          arguments.count = count
          arguments.function = function.rawValue
          arguments.alpha = 0.75
          arguments.accumulate = accumulate ? 1 : 0
          arguments.y = Const(y.base)
          arguments.dy = Const(dy.base)
          arguments.dx = Mutable(dx.base)
          call(T.table(set)[.mapGradient], arguments, parallel: backwards, threads: 3)
          let right = (0..<count).allSatisfy {
            let expected =
              dy[$0] * derivativeOf(function, y[$0], alpha: 0.75) + (accumulate ? Double(before[$0]) : 0)
            return near(dx.base[$0], expected, ulps: 4)
          }
          #expect(right, "\(set.name) \(function) \(count)")
        }
      }
    }
  }
}

@Test func derivativesFromOutputs() {
  derivatives(Float.self)
  derivatives(Double.self)
}
