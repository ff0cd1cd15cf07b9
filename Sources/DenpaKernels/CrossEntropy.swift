import DenpaKernelTypes

/// Returns the class index of a row.
@inline(__always)
func classNumber(_ target: UnsafeRawPointer, _ kind: Int32, _ row: Int) -> Int {
  switch kind {
  case TargetKind.int32.rawValue: Int(target.assumingMemoryBound(to: Int32.self)[row])
  case TargetKind.int64.rawValue: Int(target.assumingMemoryBound(to: Int64.self)[row])
  default: Int(target.assumingMemoryBound(to: UInt8.self)[row])
  }
}

enum CrossEntropy<V: Vector>: LossKernel {
  typealias Row = UnsafePointer<V.Scalar>

  @inline(__always) static func items(_ a: CrossEntropyArguments) -> Int { a.rows }
  @inline(__always) static func width(_ a: CrossEntropyArguments) -> Int { a.columns }

  /// The whole kernel: all class indices are checked before anything is written.
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    let a = arguments.assumingMemoryBound(to: CrossEntropyArguments.self)
    let kind = a.pointee.targetKind
    if kind != TargetKind.rows.rawValue, a.pointee.rows > 0 {
      let target = a.pointee.target.unsafelyUnwrapped
      for row in 0..<a.pointee.rows {
        let number = classNumber(target, kind, row)
        if number < 0 || number >= a.pointee.columns {
          if let badRow = a.pointee.badRow { badRow.pointee = Int64(row) }
          return 1
        }
      }
    }
    let total = addUp(Self.self, a, run, body)
    if a.pointee.perRow == 0 { a.pointee.loss.of(V.Scalar.self).pointee = V.scalar(total * a.pointee.scale) }
    return 0
  }

  @inline(__always)
  static func run(_ a: UnsafePointer<CrossEntropyArguments>, _ lower: Int, _ upper: Int) -> Double {
    let columns = a.pointee.columns
    let perRow = a.pointee.perRow != 0
    var total = 0.0
    for row in lower..<upper {
      var loss = 0.0
      if columns > 0 {
        loss = a.pointee.fromLogits != 0 ? fromLogits(a, row, columns) : fromProbabilities(a, row, columns)
      }
      if perRow {
        a.pointee.loss.of(V.Scalar.self)[row] = V.scalar(loss * a.pointee.scale)
      } else {
        total += loss
      }
    }
    return total
  }

  /// Returns Σ t·(log Σ e^(x − max x) + (max x − x)); terms with t = 0 are 0 even if x is −∞.
  @inline(__always)
  private static func fromLogits(_ a: UnsafePointer<CrossEntropyArguments>, _ row: Int, _ columns: Int)
    -> Double
  {
    let x = a.pointee.prediction.of(V.Scalar.self) + row &* columns
    var saved: UnsafeMutablePointer<V.Scalar>?
    if let probabilities = a.pointee.probabilities {
      saved = probabilities.assumingMemoryBound(to: V.Scalar.self) + row &* columns
    }
    let target = a.pointee.target.unsafelyUnwrapped
    if a.pointee.targetKind != TargetKind.rows.rawValue {
      // Read before the softmax is stored, possibly over the logits.
      let chosen = V.double(x[classNumber(target, a.pointee.targetKind, row)])
      let (largest, sum) = V.softmax(x, saved, columns)
      return V.double(V.log(sum).first) + (V.double(largest.first) - chosen)
    }
    let (largest, sum) = V.softmax(x, nil, columns)
    let logSum = V.log(sum)
    let t = target.assumingMemoryBound(to: V.Scalar.self) + row &* columns
    var total = V.zero
    sweep(V.self, 0, columns) { i, n in
      let weight = V.load(t + i, n)
      let loss = weight * (logSum + (largest - V.load(x + i, n)))
      total = total + V.select(weight, equals: V.zero, V.zero, loss)
    }
    if saved != nil { _ = V.softmax(x, saved, columns) }
    return V.double(total.sum)
  }

  /// Returns −Σ t·log(p + epsilon); terms with t = 0 are 0 even if p is 0.
  @inline(__always)
  private static func fromProbabilities(
    _ a: UnsafePointer<CrossEntropyArguments>, _ row: Int, _ columns: Int
  ) -> Double {
    let p = a.pointee.prediction.of(V.Scalar.self) + row &* columns
    let target = a.pointee.target.unsafelyUnwrapped
    let epsilon = V.splat(a.pointee.epsilon)
    if a.pointee.targetKind != TargetKind.rows.rawValue {
      let chosen = V.splat(p[classNumber(target, a.pointee.targetKind, row)])
      return -V.double(V.log(chosen + epsilon).first)
    }
    let t = target.assumingMemoryBound(to: V.Scalar.self) + row &* columns
    var total = V.zero
    sweep(V.self, 0, columns) { i, n in
      let weight = V.load(t + i, n)
      let loss = weight * V.log(V.load(p + i, n, fill: V.one) + epsilon)
      total = total + V.select(weight, equals: V.zero, V.zero, loss)
    }
    return -V.double(total.sum)
  }
}

enum CrossEntropyGradient<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: CrossEntropyGradientArguments) -> Int {
    a.columns > 0 ? a.rows : 0
  }
  @inline(__always) static func chunk(_ a: CrossEntropyGradientArguments) -> Int {
    rowChunk(a.rows, a.columns)
  }

  @inline(__always)
  static func run(_ a: UnsafePointer<CrossEntropyGradientArguments>, _ lower: Int, _ upper: Int) {
    let columns = a.pointee.columns
    let dloss = a.pointee.dloss.of(V.Scalar.self)
    for row in lower..<upper {
      let factor = V.double(dloss[a.pointee.perRow != 0 ? row : 0]) * a.pointee.scale
      let p = a.pointee.probabilities.of(V.Scalar.self) + row &* columns
      let dx = a.pointee.dx.of(V.Scalar.self) + row &* columns
      switch (a.pointee.targetKind != TargetKind.rows.rawValue, a.pointee.fromLogits != 0) {
      case (true, true): numberFromLogits(a, row, factor, p, dx)
      case (true, false): numberFromProbabilities(a, row, factor, p, dx)
      case (false, true): rowFromLogits(a, row, factor, p, dx)
      case (false, false): rowFromProbabilities(a, row, factor, p, dx)
      }
    }
  }

  /// The loss has rejected indices outside 0..<columns; here they must only do no harm.
  @inline(__always)
  private static func chosen(_ a: UnsafePointer<CrossEntropyGradientArguments>, _ row: Int) -> Int? {
    let number = classNumber(a.pointee.target.unsafelyUnwrapped, a.pointee.targetKind, row)
    return number >= 0 && number < a.pointee.columns ? number : nil
  }

  @inline(__always)
  private static func numberFromLogits(
    _ a: UnsafePointer<CrossEntropyGradientArguments>, _ row: Int, _ factor: Double,
    _ p: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>
  ) {
    let number = chosen(a, row)
    let scale = V.splat(factor)
    let own = number.map { V.double(p[$0]) } ?? 0
    if a.pointee.accumulate != 0 {
      let before = number.map { V.double(dx[$0]) } ?? 0
      sweep(V.self, 0, a.pointee.columns) { i, n in
        V.fma(V.load(p + i, n), scale, V.load(dx + i, n)).store(dx + i, n)
      }
      if let number { dx[number] = V.scalar(before + factor * (own - 1)) }
    } else {
      sweep(V.self, 0, a.pointee.columns) { i, n in (V.load(p + i, n) * scale).store(dx + i, n) }
      if let number { dx[number] = V.scalar(factor * (own - 1)) }
    }
  }

  @inline(__always)
  private static func numberFromProbabilities(
    _ a: UnsafePointer<CrossEntropyGradientArguments>, _ row: Int, _ factor: Double,
    _ p: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>
  ) {
    let number = chosen(a, row)
    let derivative = number.map { -factor / (V.double(p[$0]) + a.pointee.epsilon) } ?? 0
    if a.pointee.accumulate == 0 {
      sweep(V.self, 0, a.pointee.columns) { i, n in V.zero.store(dx + i, n) }
    }
    if let number { dx[number] = V.scalar(V.double(dx[number]) + derivative) }
  }

  @inline(__always)
  private static func rowFromLogits(
    _ a: UnsafePointer<CrossEntropyGradientArguments>, _ row: Int, _ factor: Double,
    _ p: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>
  ) {
    let t = a.pointee.target.of(V.Scalar.self) + row &* a.pointee.columns
    let accumulate = a.pointee.accumulate != 0
    let scale = V.splat(factor)
    var total = V.zero
    sweep(V.self, 0, a.pointee.columns) { i, n in total = total + V.load(t + i, n) }
    let sum = V.splat(total.sum)
    sweep(V.self, 0, a.pointee.columns) { i, n in
      let value = (V.load(p + i, n) * sum - V.load(t + i, n)) * scale
      (accumulate ? V.load(dx + i, n) + value : value).store(dx + i, n)
    }
  }

  /// A target of 0 has a gradient of 0 even if p + epsilon is 0.
  @inline(__always)
  private static func rowFromProbabilities(
    _ a: UnsafePointer<CrossEntropyGradientArguments>, _ row: Int, _ factor: Double,
    _ p: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>
  ) {
    let t = a.pointee.target.of(V.Scalar.self) + row &* a.pointee.columns
    let accumulate = a.pointee.accumulate != 0
    let scale = V.splat(-factor)
    let epsilon = V.splat(a.pointee.epsilon)
    sweep(V.self, 0, a.pointee.columns) { i, n in
      let weight = V.load(t + i, n)
      let derivative = weight * scale / (V.load(p + i, n, fill: V.one) + epsilon)
      let value = V.select(weight, equals: V.zero, V.zero, derivative)
      (accumulate ? V.load(dx + i, n) + value : value).store(dx + i, n)
    }
  }
}
