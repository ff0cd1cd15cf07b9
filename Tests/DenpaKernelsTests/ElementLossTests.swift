import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private let shapes = [(1, 1), (1, 2), (3, 4), (5, 16), (4, 17), (7, 33), (2, 1000), (0, 3), (20_000, 3)]

private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// The loss of one element and its derivative, from the definitions.
private func truth(_ function: LossFunction, _ alpha: Double, _ y: Double, _ t: Double) -> (Double, Double) {
  let d = y - t
  switch function {
  case .absoluteError: return (abs(d), d > 0 ? 1 : d < 0 ? -1 : 0)
  case .huber:
    return abs(d) <= alpha
      ? (d * d / 2, d) : (alpha * (abs(d) - alpha / 2), d > 0 ? alpha : -alpha)
  case .quantile: return d > 0 ? ((1 - alpha) * d, 1 - alpha) : (-alpha * d, d < 0 ? -alpha : 0)
  case .hinge: return (max(0, 1 - t * y), t * y < 1 ? -t : 0)
  case .squaredHinge: return (pow(max(0, 1 - t * y), 2), -2 * t * max(0, 1 - t * y))
  case .binaryCrossEntropy:
    return (
      -t * log(y + alpha) - (1 - t) * log(1 - y + alpha), (1 - t) / (1 - y + alpha) - t / (y + alpha)
    )
  case .sigmoidCrossEntropy:
    return (
      alpha * t * softplus(-y) + (1 - t) * softplus(y), (1 - t) * sigmoid(y) - alpha * t * sigmoid(-y)
    )
  case .focal:
    let p = sigmoid(y), q = sigmoid(-y)
    return (
      t * pow(q, alpha) * softplus(-y) + (1 - t) * pow(p, alpha) * softplus(y),
      (1 - t) * pow(p, alpha) * (alpha * q * softplus(y) + p)
        - t * pow(q, alpha) * (alpha * p * softplus(-y) + q)
    )
  case .poisson: return (y - (t == 0 ? 0 : t * log(y + alpha)), 1 - t / (y + alpha))
  case .poissonOfLog: return (exp(y) - t * y, exp(y) - t)
  case .divergence: return (t == 0 ? 0 : t * (log(t) - log(y + alpha)), -t / (y + alpha))
  case .cosine: return (0, 0)
  case .value: return (y, 1)
  case .weighted: return (t * y, t)
  }
}

/// Predictions and targets that the function takes, and its parameter.
private func data<T: Element>(_ function: LossFunction, _ count: Int, _: T.Type) -> (Double, [T], [T]) {
  var random = Generator(UInt64(count) * 13 + UInt64(function.rawValue))
  let y = random.numbers(count, T.self)
  let t = random.numbers(count, T.self)
  switch function {
  case .huber: return (0.25, y, t)
  case .quantile: return (0.75, y, t)
  case .hinge, .squaredHinge: return (0, y.map { $0 * 2 }, t.map { $0 > 0 ? 1 : -1 })
  case .binaryCrossEntropy:
    return (0.125, y.map { Swift.abs($0) }, t.map { $0 > 0.5 ? 1 : $0 < -0.5 ? 0 : Swift.abs($0) })
  case .sigmoidCrossEntropy, .focal:
    return (1.5, y.map { $0 * 5 }, t.map { $0 > 0.5 ? 1 : $0 < -0.5 ? 0 : Swift.abs($0) })
  case .poisson, .divergence:
    return (0.125, y.map { Swift.abs($0) }, t.map { $0 < -0.5 ? 0 : Swift.abs($0) })
  case .poissonOfLog: return (0, y.map { $0 * 2 }, t.map { $0 < -0.5 ? 0 : Swift.abs($0) })
  case .absoluteError, .cosine, .value, .weighted: return (0, y, t)
  }
}

/// What a loss and its gradient should be: per row, or in one number.
private func expected(
  _ function: LossFunction, _ alpha: Double, _ y: [Double], _ t: [Double], _ rows: Int, _ columns: Int,
  perRow: Bool
) -> (loss: [Double], slopes: [Double]) {
  var loss = [Double](repeating: 0, count: perRow ? rows : 1), slopes = [Double]()
  for row in 0..<rows {
    let range = (row * columns)..<((row + 1) * columns), number = perRow ? row : 0
    if function == .cosine {
      let yy = range.reduce(0) { $0 + y[$1] * y[$1] }, tt = range.reduce(0) { $0 + t[$1] * t[$1] }
      let cosine = range.reduce(0) { $0 + y[$1] * t[$1] } / (yy * tt).squareRoot()
      loss[number] += 1 - cosine
      slopes += range.map { cosine * y[$0] / yy - t[$0] / (yy * tt).squareRoot() }
      continue
    }
    for i in range {
      let (value, slope) = truth(function, alpha, y[i], t[i])
      loss[number] += value
      slopes.append(slope)
    }
  }
  return (loss, slopes)
}

private func losses<T: Element>(_ function: LossFunction, _: T.Type) {
  for (rows, columns) in shapes {
    let (alpha, given, wanted) = data(function, rows * columns, T.self)
    let y = Guarded<T>(given), t = Guarded<T>(wanted)
    for bits in 0..<4 {
      let perRow = bits & 1 != 0, accumulates = bits & 2 != 0
      var random = Generator(5)
      let count = perRow ? rows : 1
      let dloss = Guarded<T>(random.numbers(count)), start: [T] = random.numbers(rows * columns)
      let truth = expected(
        function, alpha, (0..<y.count).map { y[$0] }, (0..<t.count).map { t[$0] }, rows, columns,
        perRow: perRow)
      for set in availableKernelSets() {
        let step = T.table(set)[function == .cosine ? .cosineLoss : .elementLoss]
        let loss = Guarded<T>(count), dx = Guarded(start)
        var arguments = ElementLossArguments()
        arguments.rows = rows
        arguments.columns = columns
        arguments.function = function.rawValue
        arguments.alpha = alpha
        arguments.perRow = perRow ? 1 : 0
        arguments.accumulate = accumulates ? 1 : 0
        arguments.scale = 0.25
        arguments.prediction = Const(y.base)
        arguments.target = Const(t.base)
        arguments.loss = Mutable(loss.base)
        call(step, arguments)
        let alone = loss.values
        call(step, arguments, parallel: threaded, threads: 3)
        #expect(loss.values == alone)
        arguments.dx = Mutable(dx.base)
        arguments.dloss = Const(dloss.base)
        call(step, arguments, parallel: backwards, threads: 2)
        #expect(loss.values == alone, "with its gradient")
        let together = dx.values
        for i in 0..<dx.count { dx.base[i] = start[i] }
        arguments.loss = nil
        call(step, arguments)
        #expect(dx.values == together, "the gradient by itself")
        let name = "\(function) \(set.name) \(T.self) \(rows)×\(columns) \(perRow) \(accumulates)"
        #expect(
          (0..<count).allSatisfy {
            near(loss.base[$0], truth.loss[$0] * 0.25, ulps: T.self == Float.self ? 32 : 400)
          }, "\(name)")
        let right = (0..<dx.count).allSatisfy { i in
          let slope = truth.slopes[i] * dloss[perRow ? i / columns : 0] * 0.25
          return near(dx.base[i], slope + (accumulates ? Double(start[i]) : 0), ulps: 64)
        }
        #expect(right, "\(name) gradient")
      }
    }
  }
}

@Test(arguments: LossFunction.allCases) func elementLossesAndTheirGradients(_ function: LossFunction) {
  losses(function, Float.self)
  losses(function, Double.self)
}

/// Lanes beyond the last element count nothing, whatever the function is at 0.
@Test(arguments: LossFunction.allCases.filter { $0 != .cosine }) func nothingBeyondTheEnd(
  _ function: LossFunction
) {
  everyTable { table, type, name in
    func run<T: Element>(_: T.Type) {
      let y = Guarded<T>([0.5]), t = Guarded<T>([1]), loss = Guarded<T>([7])
      var arguments = ElementLossArguments()
      arguments.rows = 1
      arguments.columns = 1
      arguments.function = function.rawValue
      arguments.alpha = 0.5
      arguments.prediction = Const(y.base)
      arguments.target = Const(t.base)
      arguments.loss = Mutable(loss.base)
      call(table[.elementLoss], arguments)
      #expect(near(loss.base[0], truth(function, 0.5, 0.5, 1).0, ulps: 8), "\(name)")
      arguments.rows = 0
      call(table[.elementLoss], arguments)
      #expect(loss[0] == 0, "\(name)")
    }
    if type == Float.self { run(Float.self) } else { run(Double.self) }
  }
}
