import DenpaCore
import DenpaKernelTypes
import Testing

// The steps for a dense layer on one sample give the bits of the general kernels that they replace, and write
// nothing outside their outputs.

/// Memory padded to a multiple of 64 bytes that ends at an inaccessible page.
private func padded<T: Element>(_ values: [T]) -> Guarded<T> {
  let lanes = 64 / MemoryLayout<T>.stride
  return Guarded(values + Array(repeating: 0, count: (lanes - values.count % lanes) % lanes))
}

private let shapes = [
  (1, 1), (1, 2), (1, 10), (1, 16), (1, 17), (1, 100), (1, 300), (2, 3), (3, 7), (3, 10), (8, 8), (10, 2),
  (10, 20),
  (15, 16),
  (16, 4), (17, 5), (20, 5), (31, 9), (32, 256), (7, 1), (4, 4096),
]

private func checkForward<T: Element>(_: T.Type, _ table: KernelTable, _ name: String) {
  var chosen = 0
  for (n, k) in shapes {
    for function in Function.allCases.filter(\.isFusable) where function.derivativeFromOutput {
      for hasBias in [false, true] {
        for isPadded in [false, true] {
          var random = Generator(UInt64(n * 1000 + k))
          let x = Guarded<T>(random.numbers(k)), w = Guarded<T>(random.numbers(n * k)),
            b = Guarded<T>(random.numbers(n))
          let expected = Guarded<T>(n), y = isPadded ? padded([T](repeating: 3, count: n)) : Guarded<T>(n)
          var arguments = ProductArguments(m: 1, n: n, k: k)
          arguments.a = Const(x.base)
          arguments.b = Const(w.base)
          arguments.bias = hasBias ? Const(b.base) : nil
          arguments.function = function.rawValue
          arguments.isPadded = isPadded ? 1 : 0
          guard let step = withUnsafePointer(to: arguments, { table.productStep($0) }) else { continue }
          chosen += 1
          arguments.c = Mutable(y.base)
          #expect(call(step, arguments) == 0)
          let bytes = withUnsafePointer(to: arguments) { table.productWorkspace($0, 1) }
          let workspace = Guarded<Double>(bytes / 8)
          arguments.workspace = Mutable(workspace.base)
          arguments.isPadded = 0
          arguments.c = Mutable(expected.base)
          #expect(call(table[.product], arguments) == 0)
          #expect(Array(y.values[..<n]) == expected.values, "\(name) \(k)-\(n) \(function)")
        }
      }
    }
  }
  #expect(chosen > 0, "\(name): no step was chosen")
}

@Test func denseRowGivesTheProductsBits() {
  for set in availableKernelSets() {
    checkForward(Float.self, set.float32, "\(set.name) float32")
    checkForward(Double.self, set.float64, "\(set.name) float64")
  }
}

@Test func denseRowIsNotChosenForOthers() {
  for set in availableKernelSets() {
    for table in [set.float32, set.float64] {
      func isChosen(_ change: (inout ProductArguments) -> Void) -> Bool {
        var arguments = ProductArguments(m: 1, n: 4, k: 3)
        change(&arguments)
        return withUnsafePointer(to: arguments) { table.productStep($0) } != nil
      }
      #expect(isChosen { _ in })
      #expect(!isChosen { $0.m = 2 })
      #expect(!isChosen { $0.m = 0 })
      #expect(!isChosen { $0.n = 0 })
      #expect(!isChosen { $0.k = 0 })
      #expect(!isChosen { $0.n = 1000 })
      #expect(!isChosen { $0.k = 100_000 })
      #expect(!isChosen { $0.accumulate = 1 })
      #expect(!isChosen { $0.transposeB = 1 })
      #expect(!isChosen { $0.function = Function.gelu.rawValue })
      var gradient = DenseRowGradientArguments()
      (gradient.n, gradient.k) = (4, 3)
      #expect(withUnsafePointer(to: gradient) { table.denseRowGradientStep($0) } != nil)
      gradient.derivativeFunction = Function.gelu.rawValue
      #expect(withUnsafePointer(to: gradient) { table.denseRowGradientStep($0) } == nil)
    }
  }
}

/// Computes dx, dW and db with the general kernels.
private struct Expected<T: Element> {
  var dx: [T], dw: [T], db: [T]

  init(
    _ table: KernelTable, _ n: Int, _ k: Int, x: Guarded<T>, w: Guarded<T>, dy: Guarded<T>,
    derivative: Guarded<T>?,
    function: Function, before: (dw: [T], db: [T])?
  ) {
    func run(_ arguments: ProductArguments, into c: Guarded<T>) {
      var arguments = arguments
      let bytes = withUnsafePointer(to: arguments) { table.productWorkspace($0, 1) }
      let workspace = Guarded<Double>(bytes / 8)
      arguments.workspace = Mutable(workspace.base)
      arguments.c = Mutable(c.base)
      #expect(call(table[.product], arguments) == 0)
    }
    let inputs = Guarded<T>(k)
    var product = ProductArguments(m: 1, n: k, k: n, transposeB: true)
    product.a = Const(dy.base)
    product.b = Const(w.base)
    product.derivativePoint = derivative.map { Const($0.base) }
    product.derivativeFunction = function.rawValue
    run(product, into: inputs)
    dx = inputs.values

    let weights = before.map { Guarded<T>($0.dw) } ?? Guarded<T>(n * k)
    product = ProductArguments(m: k, n: n, k: 1, transposeA: true)
    product.a = Const(x.base)
    product.b = Const(dy.base)
    product.accumulate = before == nil ? 0 : 1
    run(product, into: weights)
    dw = weights.values
    db = (0..<n).map { (before?.db[$0] ?? 0) + dy.base[$0] }
  }
}

private func checkGradient<T: Element>(_: T.Type, _ table: KernelTable, _ name: String) {
  var chosen = 0
  for (n, k) in shapes {
    for option in 0..<32 {
      let (adds, hasDerivative, isPadded) = (option & 1 != 0, option & 2 != 0, option & 4 != 0)
      let function: Function = option & 8 != 0 ? .tanh : .relu
      let wantsAll = option & 16 == 0
      var random = Generator(UInt64(n * 1000 + k))
      let x = Guarded<T>(random.numbers(k)), w = Guarded<T>(random.numbers(n * k)),
        dy = Guarded<T>(random.numbers(n))
      let derivative = hasDerivative ? Guarded<T>(random.numbers(k)) : nil
      let before: (dw: [T], db: [T]) = (random.numbers(n * k), random.numbers(n))
      let dw = padded(before.dw), db = padded(before.db)
      let dx = isPadded ? padded([T](repeating: 3, count: k)) : Guarded<T>(k)
      var arguments = DenseRowGradientArguments()
      arguments.n = n
      arguments.k = k
      guard let step = withUnsafePointer(to: arguments, { table.denseRowGradientStep($0) }) else { continue }
      chosen += 1
      arguments.x = Const(x.base)
      arguments.w = Const(w.base)
      arguments.dy = Const(dy.base)
      arguments.dw = Mutable(dw.base)
      if wantsAll {
        arguments.dx = Mutable(dx.base)
        arguments.db = Mutable(db.base)
      }
      arguments.derivativePoint = derivative.map { Const($0.base) }
      arguments.derivativeFunction = function.rawValue
      arguments.accumulate = adds ? 1 : 0
      arguments.isPadded = isPadded ? 1 : 0
      #expect(call(step, arguments) == 0)
      let expected = Expected(
        table, n, k, x: x, w: w, dy: dy, derivative: derivative,
        function: hasDerivative ? function : .identity,
        before: adds ? before : nil)
      #expect(Array(dw.values[..<(n * k)]) == expected.dw, "\(name) dW \(k)-\(n) \(option)")
      #expect(dw.values[(n * k)...].allSatisfy { $0 == 0 }, "\(name) \(k)-\(n): padding")
      if wantsAll {
        #expect(Array(dx.values[..<k]) == expected.dx, "\(name) dx \(k)-\(n) \(option)")
        #expect(Array(db.values[..<n]) == expected.db, "\(name) db \(k)-\(n) \(option)")
      } else {
        #expect(Array(db.values[..<n]) == before.db)
      }
    }
  }
  #expect(chosen > 0, "\(name): no step was chosen")
}

@Test func denseRowGradientGivesTheGeneralKernelsBits() {
  for set in availableKernelSets() {
    checkGradient(Float.self, set.float32, "\(set.name) float32")
    checkGradient(Double.self, set.float64, "\(set.name) float64")
  }
}

@Test func denseRowGradientFlagsEachParameter() {
  for set in availableKernelSets() {
    for (x, dy, weights, bias) in [
      (Float(1), Float(1), Int32(0), Int32(0)), (.infinity, 1, 1, 0), (1, .nan, 1, 1), (1, .infinity, 1, 1),
      (.nan, 0, 1, 0),
    ] {
      for n in [1, 3, 4] {
        let xs = Guarded<Float>([1, x, 1]), dys = Guarded<Float>(Array(repeating: dy, count: n))
        let dw = padded([Float](repeating: 0, count: 3 * n)), db = padded([Float](repeating: 0, count: n))
        var flags: (Int32, Int32) = (0, 0)
        withUnsafeMutablePointer(to: &flags.0) { first in
          withUnsafeMutablePointer(to: &flags.1) { second in
            var arguments = DenseRowGradientArguments()
            arguments.n = n
            arguments.k = 3
            guard let step = withUnsafePointer(to: arguments, { set.float32.denseRowGradientStep($0) }) else {
              return
            }
            arguments.x = Const(xs.base)
            arguments.dy = Const(dys.base)
            arguments.dw = Mutable(dw.base)
            arguments.db = Mutable(db.base)
            arguments.weightFlag = first
            arguments.biasFlag = second
            #expect(call(step, arguments) == 0)
          }
        }
        #expect(flags == (weights, bias), "\(set.name) n \(n) x \(x) dy \(dy)")
      }
    }
  }
}

@Test func squaredErrorWithGradientIsBothOfThem() {
  for set in availableKernelSets() {
    for count in [1, 3, 16, 17, 100, 5000] {
      var random = Generator(UInt64(count))
      let y = Guarded<Float>(random.numbers(count)), t = Guarded<Float>(random.numbers(count))
      let dloss = Guarded<Float>([0.5]), loss = Guarded<Float>(1), other = Guarded<Float>(1)
      for isPadded in [false, true] {
        let dx = isPadded ? padded([Float](repeating: 3, count: count)) : Guarded<Float>(count)
        let expected = Guarded<Float>(count)
        var both = SquaredErrorArguments()
        both.rows = 1
        both.columns = count
        both.scale = 0.25
        both.prediction = Const(y.base)
        both.target = Const(t.base)
        both.loss = Mutable(loss.base)
        both.dx = Mutable(dx.base)
        both.dloss = Const(dloss.base)
        both.isPadded = isPadded ? 1 : 0
        #expect(call(set.float32[.squaredError], both) == 0)
        both.dx = nil
        both.loss = Mutable(other.base)
        #expect(call(set.float32[.squaredError], both) == 0)
        var gradient = SquaredErrorGradientArguments()
        gradient.rows = 1
        gradient.columns = count
        gradient.scale = 0.25
        gradient.prediction = Const(y.base)
        gradient.target = Const(t.base)
        gradient.dloss = Const(dloss.base)
        gradient.dx = Mutable(expected.base)
        #expect(call(set.float32[.squaredErrorGradient], gradient) == 0)
        #expect(loss.values == other.values)
        #expect(Array(dx.values[..<count]) == expected.values, "\(set.name) \(count)")
      }
    }
  }
}
