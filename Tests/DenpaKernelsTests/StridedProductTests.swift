import DenpaCore
import DenpaKernelTypes
import Testing

// Products of matrices with gaps, and of what loops walk over, have the bits of products of their copies; they
// read nothing beside their elements and write nothing between the rows of C.

/// Nested loops over one side of a matrix, the outermost first.
private struct Side {
  var loops: [SingleAxis]

  /// Where each index is.
  var offsets: [Int] {
    loops.reduce([0]) { all, loop in
      all.flatMap { base in (0..<loop.extent).map { base + $0 * loop.stride } }
    }
  }
}

/// A factor: where the element (line, step) is.
private struct Factor<T: Element> {
  var lines: Side
  var steps: Side
  var memory: Guarded<T>
  /// The elements, lines one after the other.
  var values: [T]

  /// Everything in memory that is none of the elements is NaN.
  init(_ lines: Side, _ steps: Side, _ random: inout Generator, atStart: Bool) {
    self.lines = lines
    self.steps = steps
    let rows = lines.offsets, columns = steps.offsets
    var memory = [T](repeating: .nan, count: (rows.max() ?? 0) + (columns.max() ?? 0) + 1)
    for row in rows { for column in columns { memory[row + column] = T(random.number()) } }
    self.memory = Guarded(memory, atStart: atStart)
    values = rows.flatMap { row in columns.map { memory[row + $0] } }
  }

  /// The copy as a matrix, lines × steps or steps × lines.
  func copy(stepsFirst: Bool) -> Guarded<T> {
    let steps = self.steps.offsets.count, lines = values.count / max(steps, 1)
    guard stepsFirst else { return Guarded(values) }
    return Guarded((0..<steps).flatMap { step in (0..<lines).map { values[$0 * steps + step] } })
  }
}

private struct StridedCase<T: Element> {
  var m: Int, n: Int, k: Int
  let transposeA: Bool, transposeB: Bool, accumulate: Bool, bias: Bool
  var cGap = 0
  let function: Function

  /// The lowest three bits say whether A and B are transposed and whether C is added to.
  init(m: Int, n: Int, k: Int, bits: Int) {
    self.m = m
    self.n = n
    self.k = k
    transposeA = bits & 1 != 0
    transposeB = bits & 2 != 0
    accumulate = bits & 4 != 0
    bias = (m + n + k) % 3 == 0
    function = accumulate || bias ? .identity : .tanh
  }

  /// Runs the product on the factors, or on copies of them; returns C without gaps.
  func run(
    _ table: KernelTable, _ a: Factor<T>, _ b: Factor<T>, copied: Bool,
    _ set: (inout ProductArguments) -> Void,
    parallel: @escaping Parallel = Run.inline, threads: Int32 = 1
  ) -> [T] {
    var random = Generator(UInt64(m + n + k))
    let stride = copied ? n : n + cGap
    let c = Guarded<T>((m - 1) * stride + n)
    for i in 0..<c.count { c.base[i] = 7 }
    for i in 0..<m { for j in 0..<n { c.base[i * stride + j] = T(random.number()) } }
    let bias = Guarded<T>(random.numbers(n))
    let copies = (a.copy(stepsFirst: transposeA), b.copy(stepsFirst: !transposeB))
    var flagged: Int32 = 0
    withUnsafeMutablePointer(to: &flagged) { flagged in
      var arguments = ProductArguments(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
      if !copied { set(&arguments) }
      arguments.a = Const(copied ? copies.0.base : a.memory.base)
      arguments.b = Const(copied ? copies.1.base : b.memory.base)
      arguments.c = Mutable(c.base)
      arguments.cStride = stride
      arguments.accumulate = accumulate ? 1 : 0
      arguments.function = function.rawValue
      arguments.bias = self.bias ? Const(bias.base) : nil
      arguments.flag = flagged
      let bytes = withUnsafePointer(to: arguments) { table.productWorkspace($0, threads) }
      let workspace = Guarded<Double>(bytes / 8)
      arguments.workspace = bytes > 0 ? Mutable(workspace.base) : nil
      #expect(call(table[.product], arguments, parallel: parallel, threads: threads) == 0)
    }
    #expect(flagged == 0)
    for i in 0..<c.count where i % stride >= n { #expect(c.base[i] == 7, "\(self): between the rows") }
    return (0..<m).flatMap { i in (0..<n).map { c.base[i * stride + $0] } }
  }

  func check(
    _ a: Factor<T>, _ b: Factor<T>, threads: Bool = false, _ set: (inout ProductArguments) -> Void
  ) {
    for kernels in availableKernelSets() {
      let table = T.table(kernels)
      let expected = run(table, a, b, copied: true, set)
      #expect(run(table, a, b, copied: false, set) == expected, "\(kernels.name) \(self)")
      guard threads else { continue }
      for (count, parallel) in [(2, threaded), (3, backwards), (8, threaded)] as [(Int32, Parallel)] {
        let other = run(table, a, b, copied: false, set, parallel: parallel, threads: count)
        #expect(other == expected, "\(kernels.name) \(self) on \(count)")
      }
    }
  }
}

// MARK: Strides

private func checkStrides<T: Element>(_ m: Int, _ n: Int, _ k: Int, _: T.Type, threads: Bool = false) {
  for bits in 0..<8 {
    var random = Generator(UInt64(m * 1_000_003 + n * 1009 + k + bits))
    var item = StridedCase<T>(m: m, n: n, k: k, bits: bits)
    item.cGap = n == 1 ? 0 : 1 + random.below(20)
    let aGap = item.transposeA && (m == 1 || k == 1) ? 0 : 1 + random.below(20)
    let bGap = n == 1 || item.transposeB && k == 1 ? 0 : 1 + random.below(20)
    func factor(_ lines: Int, _ steps: Int, unitSteps: Bool, _ gap: Int) -> Factor<T> {
      let stride = (unitSteps ? steps : lines) + gap
      return Factor(
        Side(loops: [SingleAxis(extent: lines, stride: unitSteps ? stride : 1)]),
        Side(loops: [SingleAxis(extent: steps, stride: unitSteps ? 1 : stride)]), &random,
        atStart: bits & 1 == 0)
    }
    let a = factor(m, k, unitSteps: !item.transposeA, aGap),
      b = factor(n, k, unitSteps: item.transposeB, bGap)
    item.check(a, b, threads: threads) {
      $0.aStride += aGap
      $0.bStride += bGap
    }
  }
}

@Test(arguments: [1, 2, 3, 6, 7, 14, 15, 29, 33])
func productOfSmallMatricesWithGaps(m: Int) {
  for n in [1, 2, 4, 8, 10, 16, 17, 32, 33, 65] {
    for k in [1, 2, 5, 8, 17, 33, 40] {
      checkStrides(m, n, k, Float.self)
      if (m + n + k) % 3 == 0 { checkStrides(m, n, k, Double.self) }
    }
  }
}

/// The sizes of `productOfLargerShapes` and of its neighbours: tiles, blocks of k, rows; B in place, packed by
/// all and by each.
private let largerShapes = [
  (1, 300, 700), (2, 700, 300), (100, 50, 784), (784, 50, 100), (67, 131, 257), (128, 130, 600),
  (300, 1, 400),
  (512, 10, 128), (5, 4200, 40), (20, 33, 3000), (6, 65, 4100), (70, 10, 2500), (9, 1500, 800),
  (1000, 1, 700), (512, 1, 2048), (2, 2, 3000),
]

@Test(arguments: largerShapes)
func productOfLargerMatricesWithGaps(m: Int, n: Int, k: Int) {
  checkStrides(m, n, k, Float.self, threads: true)
  checkStrides(m, n, k, Double.self)
}

// MARK: Loops

/// Nested loops with as many iterations as `count`; the innermost with stride `inner`.
private func side(_ count: Int, inner: Int, _ random: inout Generator) -> Side {
  var loops: [SingleAxis] = []
  var rest = count
  var stride = inner
  while loops.count < 3 {
    let divisors = (2...9).filter { rest % $0 == 0 && rest > $0 }
    guard !divisors.isEmpty, loops.count < 2 else { break }
    let extent = divisors[random.below(divisors.count)]
    loops.append(SingleAxis(extent: extent, stride: stride))
    rest /= extent
    // Outer loops may overlap inner ones, as windows do.
    stride = 1 + random.below(2 * extent * inner + 3)
  }
  loops.append(SingleAxis(extent: rest, stride: stride))
  return Side(loops: loops.reversed())
}

private func checkLoops<T: Element>(_ m: Int, _ n: Int, _ k: Int, _: T.Type, threads: Bool = false) {
  // All of them with few elements, otherwise every third.
  for bits in stride(from: 0, to: 16, by: threads ? 3 : 1) {
    var random = Generator(UInt64(m * 1_000_003 + n * 1009 + k + bits))
    var item = StridedCase<T>(m: m, n: n, k: k, bits: bits)
    item.cGap = n == 1 ? 0 : random.below(2) * 5
    // Adjacent steps, adjacent lines, both, or neither.
    func factor(_ lines: Int, _ steps: Int) -> Factor<T> {
      let kind = random.below(4)
      return Factor(
        side(lines, inner: kind & 1 == 0 ? 1 : 3, &random),
        side(steps, inner: kind & 2 == 0 ? 1 : 2, &random),
        &random, atStart: bits & 1 == 0)
    }
    let a = factor(m, k)
    let onlyA = bits & 8 != 0
    let b =
      onlyA
      ? Factor<T>(
        Side(loops: [SingleAxis(extent: n, stride: item.transposeB ? k : 1)]),
        Side(loops: [SingleAxis(extent: k, stride: item.transposeB ? 1 : n)]), &random, atStart: false)
      : factor(n, k)
    withLoops(a) { aLoops in
      withLoops(b) { bLoops in
        item.check(a, b, threads: threads) {
          $0.aLoops = aLoops
          $0.bLoops = onlyA ? nil : bLoops
        }
      }
    }
  }
}

private func withLoops<T>(_ factor: Factor<T>, _ body: (UnsafePointer<OperandLoops>) -> Void) {
  factor.lines.loops.withUnsafeBufferPointer { lines in
    factor.steps.loops.withUnsafeBufferPointer { steps in
      guard let first = lines.baseAddress, let second = steps.baseAddress else { return }
      let loops = OperandLoops(lines: (first, lines.count), steps: (second, steps.count))
      withUnsafePointer(to: loops, body)
    }
  }
}

@Test(arguments: [1, 2, 6, 7, 14, 24, 30, 60])
func productOfSmallFactorsInLoops(m: Int) {
  for n in [1, 2, 8, 10, 16, 33, 64] {
    for k in [1, 4, 25, 36, 72] {
      checkLoops(m, n, k, Float.self)
      if (m + n + k) % 3 == 0 { checkLoops(m, n, k, Double.self) }
    }
  }
}

@Test(arguments: largerShapes)
func productOfLargerFactorsInLoops(m: Int, n: Int, k: Int) {
  checkLoops(m, n, k, Float.self, threads: true)
  checkLoops(m, n, k, Double.self)
}
