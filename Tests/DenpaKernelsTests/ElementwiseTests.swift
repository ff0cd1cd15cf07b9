import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private let counts = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 1000, 16_384, 16_385, 70_001]

private func sums<T: Element>(_: T.Type) {
  var random = Generator(5)
  for set in availableKernelSets() {
    let table = T.table(set)
    for count in counts {
      let a = Guarded<T>(random.numbers(count)), y = Guarded<T>(count)
      for accumulate in [false, true] {
        let before = y.values
        var flag: Int32 = 0
        withUnsafeMutablePointer(to: &flag) { flag in
          var scale = ScaleArguments()
          scale.count = count
          scale.scale = 0.3
          scale.accumulate = accumulate ? 1 : 0
          scale.x = Const(a.base)
          scale.y = Mutable(y.base)
          scale.flag = flag
          call(table[.scale], scale, parallel: backwards, threads: 2)
          #expect(flag.pointee == 0)
          #expect(
            (0..<count).allSatisfy {
              near(y.base[$0], 0.3 * a[$0] + (accumulate ? Double(before[$0]) : 0), ulps: 2)
            })
          if count > 0 {
            a.base[count - 1] = .infinity
            call(table[.scale], scale)
            #expect(flag.pointee == 1)
          }
        }
        if count > 0 { a.base[count - 1] = 1 }
        y.base.update(repeating: 0, count: count)
      }

      for bad in [T.nan, .infinity, -.infinity] where count > 0 {
        for place in [0, count / 2, count - 1] {
          var flag: Int32 = 0
          withUnsafeMutablePointer(to: &flag) { flag in
            var finite = FiniteArguments()
            finite.count = count
            finite.x = Const(a.base)
            finite.flag = flag
            call(table[.finite], finite)
            #expect(flag.pointee == 0)
            let kept = a.base[place]
            a.base[place] = bad
            call(table[.finite], finite, parallel: threaded, threads: 2)
            #expect(flag.pointee == 1)
            a.base[place] = kept
          }
        }
      }
    }
  }
}

@Test func sumsAndScales() {
  sums(Float.self)
  sums(Double.self)
}

private func columns<T: Element>(_: T.Type) {
  var random = Generator(6)
  let shapes = [
    (0, 3), (1, 1), (1, 10), (3, 1), (7, 10), (100, 10), (100, 50), (33, 65), (257, 17), (300, 300),
    (700, 129),
    (5, 0), (20_000, 3), (3, 20_000),
  ]
  for set in availableKernelSets() {
    for (rows, columns) in shapes {
      for accumulate in [false, true] {
        let x = Guarded<T>(random.numbers(rows * columns)), y = Guarded<T>(random.numbers(columns))
        let before = y.values
        var expected = (0..<columns).map { accumulate ? Double(before[$0]) : 0 }
        for row in 0..<rows { for column in 0..<columns { expected[column] += x[row * columns + column] } }
        var flag: Int32 = 0
        withUnsafeMutablePointer(to: &flag) { flag in
          var arguments = ColumnSumArguments()
          arguments.rows = rows
          arguments.columns = columns
          arguments.accumulate = accumulate ? 1 : 0
          arguments.x = Const(x.base)
          arguments.y = Mutable(y.base)
          arguments.flag = flag
          call(T.table(set)[.columnSum], arguments)
          let alone = y.values
          for i in 0..<columns { y.base[i] = before[i] }
          call(T.table(set)[.columnSum], arguments, parallel: backwards, threads: 3)
          #expect(y.values == alone)
          #expect(flag.pointee == 0)
          if rows > 0 && columns > 0 {
            let error =
              (0..<columns).reduce(0) { Swift.max($0, abs(y[$1] - expected[$1])) } / Double(T.ulpOfOne)
            #expect(error <= 8 + Double(rows), "\(set.name) \(T.self) \(rows)×\(columns)")
            x.base[rows * columns - 1] = .nan
            call(T.table(set)[.columnSum], arguments)
            #expect(flag.pointee == 1)
          }
        }
      }
    }
  }
}

@Test func columnSums() {
  columns(Float.self)
  columns(Double.self)
}

private func optimizers<T: Element>(_: T.Type) {
  var random = Generator(8)
  for set in availableKernelSets() {
    for count in counts {
      for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let w = Guarded<T>(random.numbers(count)), g = Guarded<T>(random.numbers(count))
        let v = Guarded<T>(random.numbers(count))
        let w0 = w.values, v0 = v.values
        var arguments = SGDArguments()
        arguments.count = count
        arguments.weights = Mutable(w.base)
        arguments.gradient = Const(g.base)
        arguments.velocity = momentum > 0 ? Mutable(v.base) : nil
        arguments.learningRate = 0.1
        arguments.momentum = momentum
        arguments.weightDecay = 0.01
        arguments.nesterov = nesterov ? 1 : 0
        call(T.table(set)[.sgd], arguments, parallel: backwards, threads: 2)
        let right = (0..<count).allSatisfy { i in
          let gradient = g[i] + 0.01 * Double(w0[i])
          let speed = momentum > 0 ? momentum * Double(v0[i]) + gradient : gradient
          let direction = nesterov ? gradient + momentum * speed : speed
          return near(w.base[i], Double(w0[i]) - 0.1 * direction, ulps: 8)
            && (momentum == 0 || near(v.base[i], speed, ulps: 8))
        }
        #expect(right, "\(set.name) \(count) \(momentum)")
      }

      let w = Guarded<T>(random.numbers(count)), g = Guarded<T>(random.numbers(count))
      let m = Guarded<T>(random.numbers(count)), v = Guarded<T>(random.numbers(count).map { Swift.abs($0) })
      let w0 = w.values, m0 = m.values, v0 = v.values
      var arguments = AdamArguments()
      arguments.count = count
      arguments.weights = Mutable(w.base)
      arguments.gradient = Const(g.base)
      arguments.first = Mutable(m.base)
      arguments.second = Mutable(v.base)
      arguments.learningRate = 0.01
      arguments.beta1 = 0.9
      arguments.beta2 = 0.999
      arguments.epsilon = 1e-8
      arguments.weightDecay = 0.1
      arguments.correction1 = 1 / (1 - 0.9 * 0.9)
      arguments.correction2 = 1 / (1 - 0.999 * 0.999)
      call(T.table(set)[.adam], arguments, parallel: backwards, threads: 2)
      let right = (0..<count).allSatisfy { i in
        let gradient = g[i] + 0.1 * Double(w0[i])
        let first = 0.9 * Double(m0[i]) + (1 - 0.9) * gradient
        let second = 0.999 * Double(v0[i]) + (1 - 0.999) * gradient * gradient
        let scale = (second * arguments.correction2).squareRoot() + 1e-8
        let weight = Double(w0[i]) - 0.01 * first * arguments.correction1 / scale
        return near(m.base[i], first, ulps: 8) && near(v.base[i], second, ulps: 8)
          && near(w.base[i], weight, ulps: 16)
      }
      #expect(right, "\(set.name) adam \(count)")
    }
  }
}

@Test func stepsOfOptimizers() {
  optimizers(Float.self)
  optimizers(Double.self)
}
