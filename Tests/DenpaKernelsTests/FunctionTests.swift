import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private func map<T: Element>(_ table: KernelTable, _ function: Function, _ x: [T]) -> [T] {
  let input = Guarded(x), output = Guarded<T>(x.count)
  var arguments = MapArguments()
  arguments.count = x.count
  arguments.function = function.rawValue
  arguments.x = Const(input.base)
  arguments.y = Mutable(output.base)
  call(table.map, arguments)
  return output.values
}

/// Softmax of the row (x, 0): its first value is eˣ where x is so low that 1 + eˣ is 1.
private func tail<T: Element>(_ table: KernelTable, _ x: [T]) -> [T] {
  let input = Guarded(x.flatMap { [$0, 0] }), output = Guarded<T>(2 * x.count)
  var arguments = SoftmaxArguments()
  arguments.rows = x.count
  arguments.columns = 2
  arguments.x = Const(input.base)
  arguments.y = Mutable(output.base)
  call(table.softmax, arguments)
  return (0..<x.count).map { output.values[2 * $0] }
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
    call(table.crossEntropy, arguments)
  }
  return output.values
}

#if arch(x86_64)
  // The truth is computed in 80 bits, which only this architecture has.

  /// The largest distance from the truth, in units in the last place of the truth; NaN and infinities must agree.
  private func worst<T: Element>(_ x: [T], _ y: [T], _ truth: (Double) -> Float80) -> Double {
    var largest = 0.0
    for (x, y) in zip(x, y) {
      let exact = truth(Double(x))
      let rounded = T(exact)
      if rounded.isNaN || rounded.isInfinite {
        if !(rounded.isNaN ? y.isNaN : y == rounded) { return .infinity }
        continue
      }
      let unit = Float80(Double(Swift.max(rounded.magnitude, T.leastNormalMagnitude).ulp))
      let error = Double(abs(Float80(Double(y)) - exact) / unit)
      if error.isNaN { return .infinity }
      largest = Swift.max(largest, error)
    }
    return largest
  }

  /// Points over all magnitudes, denser where functions bend, and everything special.
  private func points<T: Element>(_: T.Type, _ count: Int) -> [T] {
    var random = Generator(42)
    var x: [T] = [0, -0.0, .infinity, -.infinity, .nan, 1, -1, 10, -10, .leastNormalMagnitude, .leastNonzeroMagnitude]
    x += [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, -.leastNonzeroMagnitude]
    for i in 0..<count {
      switch i % 4 {
      case 0: x.append(T(random.number() * 2))
      case 1: x.append(T(random.number() * 20))
      case 2: x.append(T(random.number() * (T.self == Float.self ? 110 : 760)))
      default: x.append(T(random.number() * pow(2, Double(random.below(120) - 60))))
      }
    }
    return x
  }

  private func functionsAreExact<T: Element>(_: T.Type) {
    let x = points(T.self, 200_003)
    let low: [T] = x.filter { $0 <= (T.self == Float.self ? -18 : -40) }
    let positive = x.map { $0.magnitude }
    for set in availableKernelSets() {
      let table = T.table(set)
      let tanhError = worst(x, map(table, .tanh, x)) { tanhl(Float80($0)) }
      let sigmoidError = worst(x, map(table, .sigmoid, x)) {
        let e = expl(-abs(Float80($0)))
        return $0 < 0 ? e / (1 + e) : 1 / (1 + e)
      }
      let expError = worst(low, tail(table, low)) { expl(Float80($0)) }
      let logError = worst(positive, logarithm(table, positive)) { logl(Float80($0)) }
      print("\(set.name) \(T.self) ulp: tanh \(tanhError) sigmoid \(sigmoidError) exp \(expError) log \(logError)")
      #expect(tanhError < 1.3, "\(set.name) \(T.self) tanh")
      #expect(sigmoidError < 2.2, "\(set.name) \(T.self) sigmoid")
      #expect(expError < 1, "\(set.name) \(T.self) exp")
      #expect(logError < 0.8, "\(set.name) \(T.self) log")
      #expect(map(table, .relu, [T.nan, -1, 0, 2, -.infinity, .infinity])[0].isNaN)
      #expect(Array(map(table, .relu, [T.nan, -1, 0, 2, -.infinity, .infinity])[1...]) == [0, 0, 2, 0, .infinity])
      #expect(logarithm(table, [-1 as T])[0].isNaN)
    }
  }

  @Test func functionsOfFloat32() { functionsAreExact(Float.self) }
  @Test func functionsOfFloat64() { functionsAreExact(Double.self) }
#endif

@Test func sigmoidOfTen() {
  for set in availableKernelSets() {
    #expect(abs(map(set.float64, .sigmoid, [10.0])[0] - 0.9999546021312976) < 1e-15)
  }
}

private func slopes<T: Element>(_: T.Type) {
  var random = Generator(3)
  for set in availableKernelSets() {
    for count in [0, 1, 2, 3, 7, 8, 15, 16, 17, 33, 100, 40_001] {
      for function in Function.allCases {
        for accumulate in [false, true] {
          let y = Guarded<T>(random.numbers(count)), dy = Guarded<T>(random.numbers(count))
          let dx = Guarded<T>(random.numbers(count))
          if count > 2 { y.base[1] = 0 }
          let before = dx.values
          var arguments = MapGradientArguments()
          arguments.count = count
          arguments.function = function.rawValue
          arguments.accumulate = accumulate ? 1 : 0
          arguments.y = Const(y.base)
          arguments.dy = Const(dy.base)
          arguments.dx = Mutable(dx.base)
          call(T.table(set).mapGradient, arguments, parallel: backwards, threads: 3)
          let right = (0..<count).allSatisfy {
            let expected = dy[$0] * slopeOf(function, y[$0]) + (accumulate ? Double(before[$0]) : 0)
            return near(dx.base[$0], expected, ulps: 4)
          }
          #expect(right, "\(set.name) \(function) \(count)")
        }
      }
    }
  }
}

@Test func slopesFromOutputs() {
  slopes(Float.self)
  slopes(Double.self)
}
