import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A product with everything that belongs to it; its buffers are between guard pages.
private struct Case<T: Element> {
  var m: Int, n: Int, k: Int
  var transposeA = false, transposeB = false, accumulate = false, bias = false, derivative = false,
    flag = false
  var function = Function.identity, derivativeFunction = Function.sigmoid
  var seed: UInt64 = 1

  struct Data {
    var a: Guarded<T>, b: Guarded<T>, c: Guarded<T>, bias: Guarded<T>, derivative: Guarded<T>
  }

  func data(atStart: Bool = false) -> Data {
    var random = Generator(seed &+ UInt64(m * 1_000_003 + n * 1009 + k))
    return Data(
      a: Guarded(random.numbers(m * k), atStart: atStart),
      b: Guarded(random.numbers(k * n), atStart: atStart),
      c: Guarded(random.numbers(m * n), atStart: atStart), bias: Guarded(random.numbers(n), atStart: atStart),
      derivative: Guarded(random.numbers(m * n), atStart: atStart))
  }

  func run(_ table: KernelTable, _ data: Data, parallel: @escaping Parallel = Run.inline, threads: Int32 = 1)
    -> Int32
  {
    var flagged: Int32 = 0
    withUnsafeMutablePointer(to: &flagged) { flagged in
      var arguments = ProductArguments(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
      arguments.a = Const(data.a.base)
      arguments.b = Const(data.b.base)
      arguments.c = Mutable(data.c.base)
      arguments.accumulate = accumulate ? 1 : 0
      arguments.function = function.rawValue
      arguments.bias = bias ? Const(data.bias.base) : nil
      arguments.derivativePoint = derivative ? Const(data.derivative.base) : nil
      arguments.derivativeFunction = derivativeFunction.rawValue
      arguments.flag = flag ? flagged : nil
      let bytes = withUnsafePointer(to: arguments) { table.productWorkspace($0, threads) }
      #expect(bytes % 64 == 0)
      let workspace = Guarded<Double>(bytes / 8)
      arguments.workspace = bytes > 0 ? Mutable(workspace.base) : nil
      #expect(call(table[.product], arguments, parallel: parallel, threads: threads) == 0)
    }
    return flagged
  }

  /// The same in double precision, directly from the definition, and the sum of the terms' magnitudes, which
  /// bounds errors.
  func reference(_ data: Data) -> (value: [Double], size: [Double]) {
    var value = [Double](), size = [Double]()
    for i in 0..<m {
      for j in 0..<n {
        var sum = bias ? data.bias[j] : 0
        var total = abs(sum)
        for p in 0..<k {
          let term =
            data.a[transposeA ? p * m + i : i * k + p] * data.b[transposeB ? j * k + p : p * n + j]
          sum += term
          total += abs(term)
        }
        sum = apply(function, sum)
        // Of the functions tested here, only this one increases a sum's error.
        if function == .exp { total *= Swift.max(1, sum) }
        if derivative {
          let s = derivativeOf(derivativeFunction, data.derivative[i * n + j])
          sum *= s
          total *= abs(s)
        }
        if accumulate {
          sum += data.c[i * n + j]
          total += abs(data.c[i * n + j])
        }
        value.append(sum)
        size.append(total)
      }
    }
    return (value, size)
  }

  func check(_ table: KernelTable, _ name: String, atStart: Bool = false) {
    let data = data(atStart: atStart)
    let (value, size) = reference(data)
    let flagged = run(table, data)
    var worst = 0.0
    for i in 0..<(m * n) {
      let error = abs(data.c[i] - value[i]) / (Double(T.ulpOfOne) * (size[i] + 1))
      worst = error.isNaN ? .infinity : Swift.max(worst, error)
    }
    #expect(worst <= 4 + Double(k).squareRoot(), "\(name) \(self)")
    #expect(flagged == 0)
  }
}

private func check<T: Element>(_: T.Type, _ body: (Case<T>, KernelTable, String) -> Void, _ item: Case<T>) {
  for set in availableKernelSets() { body(item, T.table(set), "\(set.name)") }
}

private let fusable = Function.allCases.filter(\.isFusable)

private func everyOption<T: Element>(_ m: Int, _ n: Int, _ k: Int, _: T.Type) {
  for bits in 0..<8 {
    var item = Case<T>(m: m, n: n, k: k)
    item.transposeA = bits & 1 != 0
    item.transposeB = bits & 2 != 0
    item.accumulate = bits & 4 != 0
    for set in availableKernelSets() {
      let table = T.table(set)
      item.check(table, "\(set.name)", atStart: bits & 1 == 0)
      var extra = item
      extra.flag = true
      extra.bias = (m + n) % 2 == 0
      extra.derivative = (m + k) % 2 == 0
      extra.derivativeFunction = fusable[(m + n + k) % fusable.count]
      if !item.accumulate {
        extra.function = fusable[(m + 2 * n + k) % fusable.count]
      }
      extra.check(table, "\(set.name)")
    }
  }
}

@Test(arguments: [0, 1, 2, 3, 5, 6, 7, 10, 13, 14, 15, 16, 17, 28, 29, 33, 50])
func productOfSmallShapes(m: Int) {
  for n in [0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 50, 64, 65] {
    for k in [0, 1, 2, 3, 5, 8, 10, 17, 33] {
      everyOption(m, n, k, Float.self)
      if (m + n + k) % 3 == 0 { everyOption(m, n, k, Double.self) }
    }
  }
}

@Test(arguments: [
  (1, 300, 700), (100, 50, 784), (784, 50, 100), (67, 131, 257), (128, 130, 600), (130, 129, 300),
  (64, 128, 1030),
  (300, 1, 400), (512, 10, 128), (5, 4200, 40), (200, 4100, 40), (2, 2, 3000), (70, 70, 5000),
  (260, 260, 260),
])
func productOfLargerShapes(m: Int, n: Int, k: Int) {
  everyOption(m, n, k, Float.self)
  everyOption(m, n, k, Double.self)
}

/// Compares the results of several threads and of several orders of the chunks with that of one thread, and
/// this one with the reference.
private func sameBits<T: Element>(_ item: Case<T>) {
  for set in availableKernelSets() {
    // The reference is slow; productOfLargerShapes covers the others.
    if item.m * item.n * item.k < 1 << 22 { item.check(T.table(set), "\(set.name)") }
    let expected = item.data()
    _ = item.run(T.table(set), expected)
    for threads in [2, 3, 8] as [Int32] {
      for parallel in [backwards, threaded] {
        let data = item.data()
        let flagged = item.run(T.table(set), data, parallel: parallel, threads: threads)
        #expect(data.c.values == expected.c.values, "\(set.name) \(item) on \(threads)")
        #expect(flagged == 0)
      }
    }
  }
}

@Test(arguments: [
  (100, 50, 784), (300, 520, 700), (1, 3000, 900), (515, 40, 300), (257, 4200, 270),
  // One column, in chunks of rows; a small C, in blocks of k; one tile beside a B that is packed panel by
  // panel.
  (1000, 1, 700), (20, 33, 3000), (6, 65, 4100), (70, 10, 2500), (9, 1500, 800),
  // One column that is computed as a row, in blocks of k: the weight gradient of one unit over a large batch.
  (512, 1, 2048), (128, 1, 8192), (200, 1, 4096),
])
func sameBitsForAnyNumberOfThreads(m: Int, n: Int, k: Int) {
  for bits in 0..<8 {
    var item = Case<Float>(m: m, n: n, k: k)
    item.transposeA = bits & 1 != 0
    item.transposeB = bits & 2 != 0
    item.accumulate = bits & 4 != 0
    // One column is computed in two ways, with a bias and without; transposed or not, its B is the same.
    item.bias = n > 1 || !item.transposeB
    item.flag = true
    item.derivative = item.accumulate
    item.function = item.accumulate ? .identity : .tanh
    sameBits(item)
  }
  sameBits(Case<Double>(m: m, n: n, k: k))
  sameBits(Case<Double>(m: m, n: n, k: k, transposeA: true, transposeB: true, accumulate: true))
}

@Test func aRowDoesNotDependOnTheOthers() {
  for (n, k) in [(10, 2), (1, 10), (1, 100), (50, 784), (33, 300), (300, 513), (10, 50), (40, 2000)] {
    for bits in 0..<2 {
      var item = Case<Float>(m: 150, n: n, k: k)
      item.transposeB = bits != 0
      item.bias = true
      item.function = .sigmoid
      for set in availableKernelSets() {
        let all = item.data()
        _ = item.run(set.float32, all)
        for count in [1, 2, 3, 7, 20, 64, 99] {
          var part = item
          part.m = count
          var data = part.data()
          data.a = Guarded(Array(all.a.values[(5 * k)..<((5 + count) * k)]))
          data.b = all.b
          data.bias = all.bias
          _ = part.run(set.float32, data)
          #expect(
            data.c.values == Array(all.c.values[(5 * n)..<((5 + count) * n)]),
            "\(set.name) \(count) \(n) \(k)")
        }
      }
    }
  }
}

@Test func productReportsWhatIsNotFinite() {
  for set in availableKernelSets() {
    for (m, n, k) in [(1, 10, 2), (7, 1, 5), (100, 50, 784), (33, 129, 65)] {
      for accumulate in [false, true] {
        for place in [0, m * n / 2, m * n - 1] {
          for bad in [Float.infinity, -.infinity, .nan] {
            var item = Case<Float>(m: m, n: n, k: k)
            item.flag = true
            item.accumulate = accumulate
            let data = item.data()
            data.a.base[place / n * k + k / 2] = bad
            #expect(item.run(set.float32, data) == 1, "\(set.name) \(m)×\(n)×\(k)")
          }
        }
        var large = Case<Float>(m: m, n: n, k: k)
        large.flag = true
        let data = large.data()
        for i in 0..<(m * k) { data.a.base[i] = 1e30 }
        for i in 0..<(k * n) { data.b.base[i] = 2e7 / Float(k) }
        // Finite, although the sum of a few of them is not.
        #expect(large.run(set.float32, data) == 0, "\(set.name)")
      }
    }
  }
}

@Test func workspaceNeverShrinks() {
  for set in availableKernelSets() {
    for table in [set.float32, set.float64] {
      func bytes(_ m: Int, _ n: Int, _ k: Int, _ threads: Int32 = 2) -> Int {
        let arguments = ProductArguments(m: m, n: n, k: k)
        return withUnsafePointer(to: arguments) { table.productWorkspace($0, threads) }
      }
      var random = Generator(7)
      for _ in 0..<3000 {
        let m = random.below(600), n = random.below(6000), k = random.below(3000)
        let more = random.below(300)
        let now = bytes(m, n, k)
        #expect(bytes(m + more, n, k) >= now)
        #expect(bytes(m, n + more, k) >= now)
        #expect(bytes(m, n, k + more) >= now)
        #expect(bytes(m, n, k, 3) >= now)
      }
    }
  }
}
