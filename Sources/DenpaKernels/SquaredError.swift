import DenpaKernelTypes

enum SquaredError<V: Vector>: LossKernel {
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    let a = arguments.assumingMemoryBound(to: SquaredErrorArguments.self)
    let total = addUp(Self.self, a, run, body)
    if a.pointee.perRow == 0 { a.pointee.loss.of(V.Scalar.self).pointee = V.scalar(total * a.pointee.scale) }
    return 0
  }

  /// Rows if each has its own loss, otherwise elements.
  @inline(__always) static func items(_ a: SquaredErrorArguments) -> Int {
    a.perRow != 0 ? a.rows : a.rows &* a.columns
  }
  @inline(__always) static func width(_ a: SquaredErrorArguments) -> Int { a.perRow != 0 ? a.columns : 1 }

  @inline(__always)
  static func run(_ a: UnsafePointer<SquaredErrorArguments>, _ lower: Int, _ upper: Int) -> Double {
    if a.pointee.perRow == 0 { return squares(a, lower, upper) }
    let columns = a.pointee.columns
    let loss = a.pointee.loss.of(V.Scalar.self)
    for row in lower..<upper {
      let sum = columns > 0 ? squares(a, row &* columns, (row &+ 1) &* columns) : 0
      loss[row] = V.scalar(sum * a.pointee.scale)
    }
    return 0
  }

  /// Summed in vectors over at most 1024 elements, beyond that in double precision.
  @inline(__always)
  private static func squares(_ a: UnsafePointer<SquaredErrorArguments>, _ lower: Int, _ upper: Int) -> Double
  {
    let y = a.pointee.prediction.of(V.Scalar.self)
    let t = a.pointee.target.of(V.Scalar.self)
    var total = 0.0
    var start = lower
    while start < upper {
      let end = Swift.min(upper, start &+ 1024)
      var block = V.zero
      if a.pointee.dx == nil {
        sweep(V.self, start, end) { i, n in
          let difference = V.load(y + i, n) - V.load(t + i, n)
          block = V.fma(difference, difference, block)
        }
      } else {
        let dx = a.pointee.dx.of(V.Scalar.self)
        let factor = derivative(V.self, a.pointee.dloss.of(V.Scalar.self)[0], a.pointee.scale)
        sweep(V.self, start, end) { i, n in
          let difference = V.load(y + i, n) - V.load(t + i, n)
          block = V.fma(difference, difference, block)
          (difference * factor).store(dx + i, a.pointee.isPadded != 0 ? V.width : n)
        }
      }
      total += V.double(block.sum)
      start = end
    }
    return total
  }
}

/// Returns the factor of a difference in the gradient.
@inline(__always)
private func derivative<V: Vector>(_: V.Type, _ dloss: V.Scalar, _ scale: Double) -> V {
  V.splat(2 * V.double(dloss) * scale)
}

enum SquaredErrorGradient<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: SquaredErrorGradientArguments) -> Int {
    a.columns <= 0 ? 0 : a.perRow != 0 ? a.rows : a.rows &* a.columns
  }
  @inline(__always) static func chunk(_ a: SquaredErrorGradientArguments) -> Int {
    a.perRow != 0 ? rowChunk(a.rows, a.columns) : elementChunk
  }

  @inline(__always)
  static func run(_ a: UnsafePointer<SquaredErrorGradientArguments>, _ lower: Int, _ upper: Int) {
    let dloss = a.pointee.dloss.of(V.Scalar.self)
    if a.pointee.perRow == 0 { return differences(a, dloss[0], lower, upper) }
    let columns = a.pointee.columns
    for row in lower..<upper {
      differences(a, dloss[row], row &* columns, (row &+ 1) &* columns)
    }
  }

  @inline(__always)
  private static func differences(
    _ a: UnsafePointer<SquaredErrorGradientArguments>, _ dloss: V.Scalar, _ lower: Int, _ upper: Int
  ) {
    let y = a.pointee.prediction.of(V.Scalar.self)
    let t = a.pointee.target.of(V.Scalar.self)
    let dx = a.pointee.dx.of(V.Scalar.self)
    let factor = derivative(V.self, dloss, a.pointee.scale)
    if a.pointee.accumulate != 0 {
      sweep(V.self, lower, upper) { i, n in
        V.fma(V.load(y + i, n) - V.load(t + i, n), factor, V.load(dx + i, n)).store(dx + i, n)
      }
    } else {
      sweep(V.self, lower, upper) { i, n in
        ((V.load(y + i, n) - V.load(t + i, n)) * factor).store(dx + i, n)
      }
    }
  }
}
