import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private func value(_ function: BinaryFunction, _ a: Double, _ b: Double) -> Double {
  switch function {
  case .add: a + b
  case .subtract: a - b
  case .multiply: a * b
  case .divide: a / b
  case .minimum: min(a, b)
  case .maximum: max(a, b)
  case .power: pow(a, b)
  }
}

private func derivative(_ function: BinaryFunction, _ a: Double, _ b: Double, _ operand: Int) -> Double {
  switch function {
  case .add: 1
  case .subtract: operand == 0 ? 1 : -1
  case .multiply: operand == 0 ? b : a
  case .divide: operand == 0 ? 1 / b : -a / b / b
  case .minimum: a == b ? 0.5 : (a < b) == (operand == 0) ? 1 : 0
  case .maximum: a == b ? 0.5 : (a > b) == (operand == 0) ? 1 : 0
  case .power: operand == 0 ? b * pow(a, b - 1) : pow(a, b) * log(a)
  }
}

/// The elements of a tensor in row-major order.
private func places(_ extents: [Int], _ strides: [Int]) -> [Int] {
  var result = [0]
  for (extent, stride) in zip(extents, strides) {
    result = result.flatMap { place in (0..<extent).map { place + $0 * stride } }
  }
  return result
}

/// Extents and strides of a and b: alike, broadcast along each axis, with gaps, single numbers; sizes around
/// vectors and chunks.
private let pairs: [(extents: [Int], a: [Int], b: [Int])] = [
  ([1], [1], [1]), ([7], [1], [1]), ([17], [1], [0]), ([33], [0], [1]), ([16_385], [1], [1]),
  ([5, 17], [17, 1], [0, 1]), ([5, 17], [17, 1], [1, 0]), ([3, 9], [1, 3], [9, 1]),
  ([70, 301], [301, 1], [0, 1]), ([2, 3, 4, 5], [60, 0, 5, 1], [0, 20, 5, 1]), ([4, 6], [12, 2], [6, 1]),
  ([3, 5], [0, 0], [5, 1]),
]

private func binary<T: Element>(_: T.Type) {
  var random = Generator(9)
  for set in availableKernelSets() {
    for (extents, first, second) in pairs {
      let p = places(extents, first), q = places(extents, second)
      let a = Guarded<T>((0...(p.max() ?? 0)).map { _ in T(abs(random.number()) + 0.25) })
      let b = Guarded<T>((0...(q.max() ?? 0)).map { _ in T(abs(random.number()) + 0.25) })
      a.base[0] = b.base[0]
      let axes = extents.indices.map { PairAxis(extent: extents[$0], a: first[$0], b: second[$0]) }
      for function in BinaryFunction.allCases {
        axes.withUnsafeBufferPointer { axes in
          let y = Guarded<T>(p.count)
          var arguments = BinaryArguments()
          arguments.axes = axes.baseAddress
          arguments.axisCount = axes.count
          arguments.count = p.count
          arguments.function = function.rawValue
          arguments.a = Const(a.base)
          arguments.b = Const(b.base)
          arguments.y = Mutable(y.base)
          call(T.table(set)[.binary], arguments, parallel: backwards, threads: 2)
          #expect(
            p.indices.allSatisfy { near(y.base[$0], value(function, a[p[$0]], b[q[$0]]), ulps: 1) },
            "\(set.name) \(function) \(extents)")
          for operand in 0...1 {
            for accumulate in [false, true] {
              let dy = Guarded<T>(random.numbers(p.count)), dx = Guarded<T>(random.numbers(p.count))
              let before = dx.values
              var arguments = BinaryGradientArguments()
              arguments.axes = axes.baseAddress
              arguments.axisCount = axes.count
              arguments.count = p.count
              arguments.function = function.rawValue
              arguments.operand = Int32(operand)
              arguments.accumulate = accumulate ? 1 : 0
              arguments.a = Const(a.base)
              arguments.b = Const(b.base)
              arguments.dy = Const(dy.base)
              arguments.dx = Mutable(dx.base)
              call(T.table(set)[.binaryGradient], arguments, parallel: backwards, threads: 3)
              let right = p.indices.allSatisfy {
                let derivative = derivative(function, a[p[$0]], b[q[$0]], operand)
                let scale = abs(dy[$0] * derivative) + (accumulate ? abs(Double(before[$0])) : 0)
                let expected = dy[$0] * derivative + (accumulate ? Double(before[$0]) : 0)
                return abs(dx[$0] - expected) <= 8 * Double(T.ulpOfOne) * scale
              }
              #expect(right, "\(set.name) \(function) \(operand) \(extents)")
            }
          }
        }
      }
    }
  }
}

@Test func functionsOfTwoNumbers() {
  binary(Float.self)
  binary(Double.self)
}

/// Kept axes and reduced axes with their strides: rows, columns, both, with gaps, nothing to reduce.
private let reductions: [(kept: ([Int], [Int]), reduced: ([Int], [Int]))] = [
  (([1], [1]), ([1], [1])), (([5], [17]), ([17], [1])), (([17], [1]), ([5], [17])),
  (([1000], [40]), ([40], [1])), (([40], [1]), ([1000], [40])), (([3, 7], [70, 1]), ([10], [7])),
  (([3, 5], [60, 1]), ([4, 3], [15, 5])), (([9], [1]), ([1], [1])), (([2], [700]), ([20, 5], [35, 3])),
  (([16_385], [2]), ([2], [1])), (([6], [0]), ([3], [1])),
]

private func reduced<T: Element>(_: T.Type) {
  var random = Generator(11)
  for set in availableKernelSets() {
    for (kept, axes) in reductions {
      let outer = places(kept.0, kept.1), inner = places(axes.0, axes.1)
      let x = Guarded<T>(random.numbers((outer.max() ?? 0) + (inner.max() ?? 0) + 1))
      let keptAxes = kept.0.indices.map { SingleAxis(extent: kept.0[$0], stride: kept.1[$0]) }
      let reducedAxes = axes.0.indices.map { SingleAxis(extent: axes.0[$0], stride: axes.1[$0]) }
      keptAxes.withUnsafeBufferPointer { keptAxes in
        reducedAxes.withUnsafeBufferPointer { reducedAxes in
          var arguments = ReductionArguments()
          arguments.kept = keptAxes.baseAddress
          arguments.keptCount = keptAxes.count
          arguments.reduced = reducedAxes.baseAddress
          arguments.reducedCount = reducedAxes.count
          arguments.count = outer.count
          arguments.terms = inner.count
          arguments.x = Const(x.base)
          for accumulate in [false, true] {
            let y = Guarded<T>(random.numbers(outer.count))
            let before = y.values
            arguments.scale = 0.75
            arguments.accumulate = accumulate ? 1 : 0
            arguments.y = Mutable(y.base)
            call(T.table(set)[.sumAxes], arguments, parallel: backwards, threads: 2)
            let right = outer.indices.allSatisfy { i in
              let terms = inner.map { x[outer[i] + $0] }
              let expected = 0.75 * terms.reduce(0, +) + (accumulate ? Double(before[i]) : 0)
              let size = terms.reduce(1) { $0 + abs($1) }
              return abs(y[i] - expected) <= 64 * Double(T.ulpOfOne) * size
            }
            #expect(right, "\(set.name) \(kept) \(axes)")
          }
          let y = Guarded<T>(outer.count)
          arguments.y = Mutable(y.base)
          call(T.table(set)[.maxAxes], arguments, parallel: backwards, threads: 2)
          #expect(outer.indices.allSatisfy { i in y[i] == inner.map { x[outer[i] + $0] }.max() })
        }
      }
    }
  }
}

@Test func sumsAndMaximaOverAxes() {
  reduced(Float.self)
  reduced(Double.self)
}

/// Against `Random`, which another test compares with the published vectors.
private func dropped<T: Element>(_: T.Type) {
  let random = Random(seed: 5, stream: 77, step: 3)
  for set in availableKernelSets() {
    for count in [0, 1, 31, 32, 33, 100, 16_384, 16_417] {
      let x = Guarded<T>(Array(repeating: 1, count: count)), y = Guarded<T>(count)
      var arguments = DropoutArguments()
      arguments.count = count
      arguments.threshold = 0x4000_0000
      arguments.scale = 1.5
      arguments.key = Random(seed: 5, stream: 77).key
      arguments.x = Const(x.base)
      arguments.y = Mutable(y.base)
      var run = Run(parallel: backwards, threads: 2, training: 1, draw: 3)
      withUnsafePointer(to: &arguments) { arguments in
        withUnsafeMutablePointer(to: &run) { _ = T.table(set)[.dropout](arguments, $0) }
      }
      let right = (0..<count).allSatisfy { i in
        let words = random.words(UInt64(i / 32 * 8 + i % 8))
        return y[i] == (words[i % 32 / 8] < 0x4000_0000 ? 0 : 1.5)
      }
      #expect(right, "\(set.name) \(count)")
      run.training = 0
      withUnsafePointer(to: &arguments) { arguments in
        withUnsafeMutablePointer(to: &run) { _ = T.table(set)[.dropout](arguments, $0) }
      }
      #expect((0..<count).allSatisfy { y[$0] == 1 })
    }
  }
}

extension Random {
  fileprivate func words(_ counter: UInt64) -> [UInt32] {
    let words = Random.philox(
      counter: (
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 3, 0
      ), key: key)
    return [words.0, words.1, words.2, words.3]
  }
}

@Test func dropoutDrawsTheNumbersOfRandom() {
  dropped(Float.self)
  dropped(Double.self)
}

private func noise<T: Element>(_: T.Type) {
  let random = Random(seed: 5, stream: 77, step: 3)
  for set in availableKernelSets() {
    for count in [0, 1, 15, 16, 17, 31, 32, 33, 100, 16_384, 16_417] {
      let x = Guarded<T>(Array(repeating: 1, count: count)), y = Guarded<T>(count)
      var arguments = GaussianNoiseArguments()
      arguments.count = count
      arguments.deviation = 0.5
      arguments.key = Random(seed: 5, stream: 77).key
      arguments.x = Const(x.base)
      arguments.y = Mutable(y.base)
      var run = Run(parallel: backwards, threads: 2, training: 1, draw: 3)
      withUnsafePointer(to: &arguments) { arguments in
        withUnsafeMutablePointer(to: &run) { _ = T.table(set)[.gaussianNoise](arguments, $0) }
      }
      let right = (0..<count).allSatisfy { i in
        let words = random.words(UInt64(i / 32 * 8 + i % 8)), half = i % 16 / 8
        let radius = (-2 * log(Double((words[half] >> 8) + 1) * 0x1p-24)).squareRoot()
        let angle = 2 * Double.pi * Double(words[half + 2] >> 8) * 0x1p-24
        let expected = 1 + 0.5 * radius * (i % 32 < 16 ? cos(angle) : sin(angle))
        return abs(Double(y[i]) - expected) <= 16 * Double(T.ulpOfOne) * (1 + radius)
      }
      #expect(right, "\(set.name) \(count)")
      run.training = 0
      withUnsafePointer(to: &arguments) { arguments in
        withUnsafeMutablePointer(to: &run) { _ = T.table(set)[.gaussianNoise](arguments, $0) }
      }
      #expect((0..<count).allSatisfy { y[$0] == 1 })
    }
  }
}

@Test func noiseIsNormalNumbersOfRandom() {
  noise(Float.self)
  noise(Double.self)
}

private func rowsAdded<T: Element>(_: T.Type) {
  var random = Generator(13)
  for set in availableKernelSets() {
    for (count, rows, columns) in [
      (0, 3, 5), (1, 1, 1), (7, 3, 17), (300, 40, 33), (20_000, 9, 10), (5, 2, 40_000),
    ] {
      let numbers = (0..<count).map { _ in Int32(random.below(rows)) }
      let x = Guarded<T>(random.numbers(count * columns))
      for accumulate in [false, true] {
        let y = Guarded<T>(random.numbers(rows * columns))
        var expected = accumulate ? y.values.map(Double.init) : Array(repeating: 0, count: rows * columns)
        var sizes = expected.map { abs($0) + 1 }
        for line in 0..<count {
          for column in 0..<columns {
            expected[Int(numbers[line]) * columns + column] += x[line * columns + column]
            sizes[Int(numbers[line]) * columns + column] += abs(x[line * columns + column])
          }
        }
        numbers.withUnsafeBufferPointer { numbers in
          var arguments = AddRowsArguments()
          arguments.count = count
          arguments.rows = rows
          arguments.columns = columns
          arguments.indexKind = TargetKind.int32.rawValue
          arguments.accumulate = accumulate ? 1 : 0
          arguments.indices = Const(numbers.baseAddress)
          arguments.x = Const(x.base)
          arguments.y = Mutable(y.base)
          call(T.table(set)[.addRows], arguments, parallel: backwards, threads: 3)
        }
        #expect(
          expected.indices.allSatisfy { abs(y[$0] - expected[$0]) <= 1e3 * Double(T.ulpOfOne) * sizes[$0] },
          "\(set.name) \(count) \(rows) \(columns)")
      }
    }
  }
}

@Test func rowsAreAddedToATable() {
  rowsAdded(Float.self)
  rowsAdded(Double.self)
}

private func clipped<T: Element>(_: T.Type) {
  var random = Generator(17)
  for set in availableKernelSets() {
    for count in [0, 1, 7, 33, 16_385, 70_001] {
      let x = Guarded<T>(random.numbers(count))
      var total = 2.0
      withUnsafeMutablePointer(to: &total) { total in
        var arguments = SumSquaresArguments()
        arguments.count = count
        arguments.x = Const(x.base)
        arguments.total = total
        call(T.table(set)[.sumSquares], arguments, parallel: backwards, threads: 2)
      }
      let expected = x.values.reduce(2) { $0 + Double($1) * Double($1) }
      #expect(abs(total - expected) <= 1e2 * Double(T.ulpOfOne) * expected, "\(set.name) \(count)")
      let before = x.values
      var arguments = ClipArguments()
      arguments.count = count
      arguments.limit = 0.5
      arguments.x = Mutable(x.base)
      call(T.table(set)[.clip], arguments, parallel: backwards, threads: 2)
      #expect((0..<count).allSatisfy { x.base[$0] == max(-0.5, min(before[$0], 0.5)) })
    }
  }
}

@Test func gradientsAreLimited() {
  clipped(Float.self)
  clipped(Double.self)
}
