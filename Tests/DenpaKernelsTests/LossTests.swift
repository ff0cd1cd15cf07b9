import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private let shapes = [
  (1, 1), (1, 2), (1, 10), (3, 4), (5, 16), (4, 17), (7, 33), (100, 10), (2, 1000), (3000, 10), (20_000, 3),
]

private func softmaxOf(_ x: [Double]) -> (p: [Double], logSum: Double) {
  let largest = x.max() ?? 0
  let e = x.map { exp($0 - largest) }
  let sum = e.reduce(0, +)
  return (e.map { $0 / sum }, log(sum) + largest)
}

private func softmaxes<T: Element>(_: T.Type) {
  var random = Generator(11)
  for set in availableKernelSets() {
    for (rows, columns) in shapes {
      let x = Guarded<T>(random.numbers(rows * columns).map { $0 * 8 }), y = Guarded<T>(rows * columns)
      var arguments = SoftmaxArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.x = Const(x.base)
      arguments.y = Mutable(y.base)
      call(T.table(set)[.softmax], arguments, parallel: backwards, threads: 2)
      let dy = Guarded<T>(random.numbers(rows * columns)), dx = Guarded<T>(random.numbers(rows * columns))
      let before = dx.values
      var gradient = SoftmaxGradientArguments()
      gradient.rows = rows
      gradient.columns = columns
      gradient.accumulate = rows % 2 == 0 ? 1 : 0
      gradient.y = Const(y.base)
      gradient.dy = Const(dy.base)
      gradient.dx = Mutable(dx.base)
      call(T.table(set)[.softmaxGradient], gradient, parallel: backwards, threads: 2)
      var right = true
      for row in 0..<rows {
        let range = (row * columns)..<((row + 1) * columns)
        let (p, _) = softmaxOf(range.map { x[$0] })
        let inner = zip(p, range).reduce(0) { $0 + $1.0 * dy[$1.1] }
        for i in 0..<columns {
          let at = row * columns + i
          right = right && near(y.base[at], p[i], ulps: 8)
          let expected = p[i] * (dy[at] - inner) + (gradient.accumulate != 0 ? Double(before[at]) : 0)
          right = right && near(dx.base[at], expected, ulps: 16)
        }
      }
      #expect(right, "\(set.name) \(T.self) \(rows)×\(columns)")
    }
  }
}

private func logarithms<T: Element>(_: T.Type) {
  var random = Generator(12)
  for set in availableKernelSets() {
    for (rows, columns) in shapes {
      // Some probabilities are too small for the type, but their logarithms are not.
      let x = Guarded<T>(random.numbers(rows * columns).map { $0 * 2000 }), y = Guarded<T>(rows * columns)
      var arguments = SoftmaxArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.x = Const(x.base)
      arguments.y = Mutable(y.base)
      call(T.table(set)[.logSoftmax], arguments, parallel: backwards, threads: 2)
      let dy = Guarded<T>(random.numbers(rows * columns)), dx = Guarded<T>(random.numbers(rows * columns))
      let before = dx.values
      var gradient = SoftmaxGradientArguments()
      gradient.rows = rows
      gradient.columns = columns
      gradient.accumulate = rows % 2 == 0 ? 1 : 0
      gradient.y = Const(y.base)
      gradient.dy = Const(dy.base)
      gradient.dx = Mutable(dx.base)
      call(T.table(set)[.logSoftmaxGradient], gradient, parallel: backwards, threads: 2)
      var right = true
      for row in 0..<rows {
        let range = (row * columns)..<((row + 1) * columns)
        let (_, logSum) = softmaxOf(range.map { x[$0] })
        let sum = range.reduce(0) { $0 + dy[$1] }
        for i in 0..<columns {
          let at = row * columns + i
          // Of what remains of the largest logit only the rounding of the others is known.
          let scale = max(abs(x[at]), abs(logSum), 1)
          right = right && abs(Double(y.base[at]) - (x[at] - logSum)) <= 4 * Double(T.ulpOfOne) * scale
          let p = exp(Double(y.base[at]))
          let expected = dy[at] - p * sum + (gradient.accumulate != 0 ? Double(before[at]) : 0)
          let size = Double(columns) * p + abs(dy[at]) + 2
          right = right && abs(Double(dx.base[at]) - expected) <= 16 * Double(T.ulpOfOne) * size
        }
      }
      #expect(right, "\(set.name) \(T.self) \(rows)×\(columns)")
    }
  }
}

@Test func logarithmsOfSoftmaxAndTheirGradient() {
  logarithms(Float.self)
  logarithms(Double.self)
}

@Test func softmaxAndItsGradient() {
  softmaxes(Float.self)
  softmaxes(Double.self)
}

/// A loss and its gradient for one way of giving predictions and targets.
private func crossEntropy<T: Element>(
  _: T.Type, _ rows: Int, _ columns: Int, logits: Bool, kind: TargetKind, perRow: Bool, accumulate: Bool
) {
  var random = Generator(UInt64(rows * 31 + columns))
  let epsilon = logits ? 0 : 1e-7
  let x = Guarded<T>(
    random.numbers(rows * columns).map { logits ? $0 * 10 : Swift.abs($0) * 0.9 + 0.05 })
  var soft = [T](repeating: 0, count: rows * columns)
  var numbers = [Int](repeating: 0, count: rows)
  for row in 0..<rows {
    numbers[row] = random.below(Swift.min(columns, 200))
    if kind == .rows {
      for i in 0..<columns where i % 3 != 1 { soft[row * columns + i] = T(Swift.abs(random.number())) }
    } else {
      soft[row * columns + numbers[row]] = 1
    }
  }
  let softTarget = Guarded(soft)
  let number8 = numbers.map { UInt8($0) }, number32 = numbers.map { Int32($0) },
    number64 = numbers.map { Int64($0) }
  func target(_ body: (Const?) -> Void) {
    switch kind {
    case .rows: body(Const(softTarget.base))
    case .uint8: number8.withUnsafeBytes { body($0.baseAddress) }
    case .int32: number32.withUnsafeBytes { body($0.baseAddress) }
    case .int64: number64.withUnsafeBytes { body($0.baseAddress) }
    }
  }
  let losses = perRow ? rows : 1
  let dloss = Guarded<T>(random.numbers(losses)), start: [T] = random.numbers(rows * columns)
  let scale = 0.25
  var expectedLoss = [Double](repeating: 0, count: losses), expected = [Double]()
  for row in 0..<rows {
    let values = (0..<columns).map { x[row * columns + $0] }
    let weights = (0..<columns).map { Double(soft[row * columns + $0]) }
    let (p, logSum) = softmaxOf(values)
    let total = weights.reduce(0, +)
    let factor = dloss[perRow ? row : 0] * scale
    for i in 0..<columns {
      let one = logits ? weights[i] * (logSum - values[i]) : -weights[i] * log(values[i] + epsilon)
      expectedLoss[perRow ? row : 0] += one * scale
      let derivative = logits ? p[i] * total - weights[i] : -weights[i] / (values[i] + epsilon)
      expected.append(derivative * factor + (accumulate ? Double(start[row * columns + i]) : 0))
    }
  }
  for set in availableKernelSets() {
    let loss = Guarded<T>(losses), p = Guarded<T>(rows * columns), dx = Guarded(start)
    target { target in
      var arguments = CrossEntropyArguments()
      arguments.rows = rows
      arguments.columns = columns
      arguments.fromLogits = logits ? 1 : 0
      arguments.targetKind = kind.rawValue
      arguments.epsilon = epsilon
      arguments.scale = scale
      arguments.perRow = perRow ? 1 : 0
      arguments.prediction = Const(x.base)
      arguments.target = target
      arguments.loss = Mutable(loss.base)
      arguments.probabilities = logits ? Mutable(p.base) : nil
      #expect(call(T.table(set)[.crossEntropy], arguments) == 0)
      let alone = loss.values
      #expect(call(T.table(set)[.crossEntropy], arguments, parallel: threaded, threads: 3) == 0)
      #expect(loss.values == alone)
      arguments.probabilities = nil
      #expect(call(T.table(set)[.crossEntropy], arguments, parallel: backwards, threads: 2) == 0)
      #expect(loss.values == alone)

      var gradient = CrossEntropyGradientArguments()
      gradient.rows = rows
      gradient.columns = columns
      gradient.fromLogits = arguments.fromLogits
      gradient.targetKind = kind.rawValue
      gradient.accumulate = accumulate ? 1 : 0
      gradient.perRow = arguments.perRow
      gradient.epsilon = epsilon
      gradient.scale = scale
      gradient.probabilities = logits ? Const(p.base) : Const(x.base)
      gradient.target = target
      gradient.dloss = Const(dloss.base)
      gradient.dx = Mutable(dx.base)
      #expect(call(T.table(set)[.crossEntropyGradient], gradient, parallel: backwards, threads: 2) == 0)
    }
    let name = "\(set.name) \(T.self) \(rows)×\(columns) logits \(logits) \(kind) per row \(perRow)"
    #expect((0..<losses).allSatisfy { near(loss.base[$0], expectedLoss[$0], ulps: 32) }, "\(name)")
    #expect(
      (0..<(rows * columns)).allSatisfy { near(dx.base[$0], expected[$0], ulps: 64) }, "\(name) gradient")
  }
}

@Test(arguments: [true, false], [TargetKind.rows, .int32, .int64, .uint8])
func crossEntropies(logits: Bool, kind: TargetKind) {
  for (rows, columns) in shapes {
    for bits in 0..<4 {
      crossEntropy(
        Float.self, rows, columns, logits: logits, kind: kind, perRow: bits & 1 != 0,
        accumulate: bits & 2 != 0)
      crossEntropy(
        Double.self, rows, columns, logits: logits, kind: kind, perRow: bits & 1 != 0,
        accumulate: bits & 2 != 0)
    }
  }
}

@Test func crossEntropyAtItsEdges() {
  everyTable { table, type, name in
    func run<T: Element>(_: T.Type) {
      let x = Guarded<T>([1e4, -1e4, 0, -1e4, 1e4, 0]), loss = Guarded<T>([7]),
        p = Guarded<T>([9, 9, 9, 9, 9, 9])
      var bad: Int64 = -1
      func lossOf(_ numbers: [Int32]) -> Int32 {
        numbers.withUnsafeBytes { target in
          withUnsafeMutablePointer(to: &bad) { bad in
            var arguments = CrossEntropyArguments()
            arguments.rows = 2
            arguments.columns = 3
            arguments.fromLogits = 1
            arguments.targetKind = TargetKind.int32.rawValue
            arguments.prediction = Const(x.base)
            arguments.target = target.baseAddress
            arguments.loss = Mutable(loss.base)
            arguments.probabilities = Mutable(p.base)
            arguments.badRow = bad
            return call(table[.crossEntropy], arguments)
          }
        }
      }
      #expect(lossOf([0, 3]) == 1 && bad == 1 && loss[0] == 7 && p.values == [9, 9, 9, 9, 9, 9], "\(name)")
      #expect(lossOf([-1, 0]) == 1 && bad == 0 && loss[0] == 7, "\(name)")
      #expect(lossOf([0, 1]) == 0 && loss[0] == 0, "\(name)")
      #expect(lossOf([1, 1]) == 0 && loss[0] == 2e4, "\(name)")

      // 0·log 0 and 0·∞ are 0.
      for logits in [Int32(0), 1] {
        let zero = Guarded<T>(logits != 0 ? [-.infinity, 0] : [0, 1]), target = Guarded<T>([0, 1])
        var arguments = CrossEntropyArguments()
        arguments.rows = 1
        arguments.columns = 2
        arguments.fromLogits = logits
        arguments.prediction = Const(zero.base)
        arguments.target = Const(target.base)
        arguments.loss = Mutable(loss.base)
        #expect(call(table[.crossEntropy], arguments) == 0 && loss[0] == 0, "\(name)")
        arguments.rows = 0
        loss.base[0] = 5
        #expect(call(table[.crossEntropy], arguments) == 0 && loss[0] == 0, "\(name)")
      }
    }
    if type == Float.self { run(Float.self) } else { run(Double.self) }
  }
}

private func squaredErrors<T: Element>(_: T.Type) {
  var random = Generator(17)
  // In float64 the reference itself is summed with no higher precision.
  let tolerance = T.self == Float.self ? 8.0 : 400
  for set in availableKernelSets() {
    for (rows, columns) in shapes + [(0, 3), (200_000, 1)] {
      for perRow in [false, true] {
        let losses = perRow ? rows : 1
        let y = Guarded<T>(random.numbers(rows * columns)), t = Guarded<T>(random.numbers(rows * columns))
        let loss = Guarded<T>(losses), dloss = Guarded<T>(random.numbers(losses))
        let dx = Guarded<T>(random.numbers(rows * columns))
        let before = dx.values
        var arguments = SquaredErrorArguments()
        arguments.rows = rows
        arguments.columns = columns
        arguments.perRow = perRow ? 1 : 0
        arguments.scale = 1 / Double(Swift.max(1, rows))
        arguments.prediction = Const(y.base)
        arguments.target = Const(t.base)
        arguments.loss = Mutable(loss.base)
        call(T.table(set)[.squaredError], arguments)
        let alone = loss.values
        call(T.table(set)[.squaredError], arguments, parallel: threaded, threads: 3)
        #expect(loss.values == alone)
        var gradient = SquaredErrorGradientArguments()
        gradient.rows = rows
        gradient.columns = columns
        gradient.accumulate = rows % 2 == 0 ? 1 : 0
        gradient.perRow = arguments.perRow
        gradient.scale = -0.5
        gradient.prediction = Const(y.base)
        gradient.target = Const(t.base)
        gradient.dloss = Const(dloss.base)
        gradient.dx = Mutable(dx.base)
        call(T.table(set)[.squaredErrorGradient], gradient, parallel: backwards, threads: 2)
        var expected = [Double](repeating: 0, count: losses)
        var right = true
        for i in 0..<(rows * columns) {
          let row = perRow ? i / columns : 0
          expected[row] += (y[i] - t[i]) * (y[i] - t[i]) * arguments.scale
          let derivative = -dloss[row] * (y[i] - t[i]) + (gradient.accumulate != 0 ? Double(before[i]) : 0)
          right = right && near(dx.base[i], derivative, ulps: 8)
        }
        #expect(right, "\(set.name) \(rows)×\(columns)")
        #expect(
          (0..<losses).allSatisfy { near(loss.base[$0], expected[$0], ulps: tolerance) },
          "\(set.name) \(T.self) \(rows)×\(columns)")
      }
    }
  }
}

@Test func squaredErrorAndItsGradient() {
  squaredErrors(Float.self)
  squaredErrors(Double.self)
}
