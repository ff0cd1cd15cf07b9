import DenpaKernelTypes

/// The losses that are sums over elements, each with its gradient in the same sweep.
enum ElementLoss<V: Vector>: LossKernel {
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    let a = arguments.assumingMemoryBound(to: ElementLossArguments.self)
    storeTotal(V.self, a, addUp(Self.self, a, run, body))
    return 0
  }

  /// Rows if each has its own loss, otherwise elements.
  @inline(__always) static func items(_ a: ElementLossArguments) -> Int {
    a.perRow != 0 ? a.rows : a.rows &* a.columns
  }
  @inline(__always) static func width(_ a: ElementLossArguments) -> Int { a.perRow != 0 ? a.columns : 1 }

  @inline(__always)
  static func run(_ a: UnsafePointer<ElementLossArguments>, _ lower: Int, _ upper: Int) -> Double {
    if a.pointee.perRow == 0 { return part(a, 0, lower, upper) }
    let columns = a.pointee.columns
    for row in lower..<upper {
      let sum = part(a, row, row &* columns, (row &+ 1) &* columns)
      if a.pointee.loss != nil { a.pointee.loss.of(V.Scalar.self)[row] = V.scalar(sum * a.pointee.scale) }
    }
    return 0
  }

  /// Returns the unscaled loss of some elements, whose gradient is multiplied by dloss[number]. It is called,
  /// not inlined, so that the loops below exist once.
  @inline(never)
  private static func part(
    _ a: UnsafePointer<ElementLossArguments>, _ number: Int, _ lower: Int, _ upper: Int
  ) -> Double {
    switch a.pointee.function {
    case LossFunction.huber.rawValue: sum(HuberLoss.self, a, number, lower, upper)
    case LossFunction.quantile.rawValue: sum(QuantileLoss.self, a, number, lower, upper)
    case LossFunction.hinge.rawValue: sum(HingeLoss.self, a, number, lower, upper)
    case LossFunction.squaredHinge.rawValue: sum(SquaredHingeLoss.self, a, number, lower, upper)
    case LossFunction.binaryCrossEntropy.rawValue: sum(BinaryCrossEntropy.self, a, number, lower, upper)
    case LossFunction.sigmoidCrossEntropy.rawValue: sum(SigmoidCrossEntropy.self, a, number, lower, upper)
    case LossFunction.focal.rawValue: sum(FocalLoss.self, a, number, lower, upper)
    case LossFunction.poisson.rawValue: sum(PoissonLoss.self, a, number, lower, upper)
    case LossFunction.poissonOfLog.rawValue: sum(PoissonLossOfLog.self, a, number, lower, upper)
    case LossFunction.divergence.rawValue: sum(Divergence.self, a, number, lower, upper)
    case LossFunction.value.rawValue: sum(OwnValue.self, a, number, lower, upper)
    case LossFunction.weighted.rawValue: sum(WeightedValue.self, a, number, lower, upper)
    default: sum(AbsoluteError.self, a, number, lower, upper)
    }
  }

  /// Summed in vectors over at most 1024 elements, beyond that in double precision. One loop serves whole
  /// vectors and the rest, because the formulas are long compared to what a second one would save.
  @inline(__always)
  private static func sum<C: LossCurve>(
    _: C.Type, _ a: UnsafePointer<ElementLossArguments>, _ number: Int, _ lower: Int, _ upper: Int
  ) -> Double {
    let y = a.pointee.prediction.of(V.Scalar.self)
    let t = a.pointee.target.of(V.Scalar.self)
    let alpha = V.splat(a.pointee.alpha)
    let nothing = C.nothing(alpha: alpha)
    let addsUp = a.pointee.loss != nil
    let dx = a.pointee.dx.map { $0.assumingMemoryBound(to: V.Scalar.self) }
    let factor = dx == nil ? V.zero : lossFactor(V.self, a, number)
    var total = 0.0
    var i = lower
    while i < upper {
      let end = Swift.min(upper, i &+ 1024)
      var block = V.zero
      while i < end {
        let n = Swift.min(V.width, end &- i)
        let prediction = V.load(y + i, n, fill: nothing.y), target = V.load(t + i, n, fill: nothing.t)
        if addsUp { block = block + C.value(prediction, target, alpha: alpha) }
        if let dx {
          let before = a.pointee.accumulate != 0 ? V.load(dx + i, n) : V.zero
          V.fma(C.derivative(prediction, target, alpha: alpha), factor, before).store(dx + i, n)
        }
        i &+= n
      }
      total += V.double(block.sum)
    }
    return total
  }
}

/// 1 − y·t / (|y|·|t|), row by row.
///
/// Rows are divided by their largest element first, so that no square overflows or vanishes. A row of zeros
/// has no direction: its loss is 1 and its gradient 0.
enum CosineLoss<V: Vector>: LossKernel {
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    let a = arguments.assumingMemoryBound(to: ElementLossArguments.self)
    storeTotal(V.self, a, addUp(Self.self, a, run, body))
    return 0
  }

  @inline(__always) static func items(_ a: ElementLossArguments) -> Int { a.rows }
  @inline(__always) static func width(_ a: ElementLossArguments) -> Int { a.columns }

  @inline(never)
  static func run(_ a: UnsafePointer<ElementLossArguments>, _ lower: Int, _ upper: Int) -> Double {
    var total = 0.0
    for row in lower..<upper {
      let loss = one(a, row)
      total += loss
      if a.pointee.perRow != 0, a.pointee.loss != nil {
        a.pointee.loss.of(V.Scalar.self)[row] = V.scalar(loss * a.pointee.scale)
      }
    }
    return total
  }

  @inline(__always)
  private static func one(_ a: UnsafePointer<ElementLossArguments>, _ row: Int) -> Double {
    let columns = a.pointee.columns
    if columns <= 0 { return 0 }
    let y = a.pointee.prediction.of(V.Scalar.self) + row &* columns
    let t = a.pointee.target.of(V.Scalar.self) + row &* columns
    let ySize = largest(y, columns), tSize = largest(t, columns)
    let yInverse = V.splat(1 / ySize), tInverse = V.splat(1 / tSize)
    var squaresOfY = V.zero, squaresOfT = V.zero, products = V.zero
    sweep(V.self, 0, columns) { i, n in
      let y = V.load(y + i, n) * yInverse, t = V.load(t + i, n) * tInverse
      squaresOfY = V.fma(y, y, squaresOfY)
      squaresOfT = V.fma(t, t, squaresOfT)
      products = V.fma(y, t, products)
    }
    let yy = V.double(squaresOfY.sum), tt = V.double(squaresOfT.sum), yt = V.double(products.sum)
    let isZero = yy == 0 || tt == 0
    let length = (yy * tt).squareRoot()
    let cosine = isZero ? 0 : yt / length
    if a.pointee.dx != nil {
      let dx = a.pointee.dx.of(V.Scalar.self) + row &* columns
      let factor = V.double(a.pointee.dloss.of(V.Scalar.self)[a.pointee.perRow != 0 ? row : 0])
      let share = isZero ? 0 : factor * a.pointee.scale / ySize
      let ofY = V.splat(isZero ? 0 : share * cosine / yy), ofT = V.splat(isZero ? 0 : -share / length)
      sweep(V.self, 0, columns) { i, n in
        let before = a.pointee.accumulate != 0 ? V.load(dx + i, n) : V.zero
        let y = V.load(y + i, n) * yInverse, t = V.load(t + i, n) * tInverse
        V.fma(y, ofY, V.fma(t, ofT, before)).store(dx + i, n)
      }
    }
    return 1 - cosine
  }

  /// At least the least normal number, whose inverse is finite.
  @inline(__always)
  private static func largest(_ x: UnsafePointer<V.Scalar>, _ columns: Int) -> Double {
    var largest = V.leastNormal
    sweep(V.self, 0, columns) { i, n in largest = V.max(largest, V.load(x + i, n).magnitude) }
    return V.double(largest.largest)
  }
}

@inline(__always)
private func storeTotal<V: Vector>(_: V.Type, _ a: UnsafePointer<ElementLossArguments>, _ total: Double) {
  if a.pointee.perRow == 0, a.pointee.loss != nil {
    a.pointee.loss.of(V.Scalar.self).pointee = V.scalar(total * a.pointee.scale)
  }
}

/// Returns the factor of a derivative in the gradient.
@inline(__always)
private func lossFactor<V: Vector>(_: V.Type, _ a: UnsafePointer<ElementLossArguments>, _ number: Int) -> V {
  V.splat(V.double(a.pointee.dloss.of(V.Scalar.self)[number]) * a.pointee.scale)
}
