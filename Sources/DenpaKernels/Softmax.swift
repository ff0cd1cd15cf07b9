import DenpaKernelTypes

extension Vector {
  /// Writes e^(x − max x) / Σ e^(x − max x) to `y`, if not nil (it may be x), and returns max x and the sum.
  @inline(__always)
  static func softmax(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>?, _ columns: Int
  ) -> (largest: Self, sum: Self) {
    let lowest = splat(-Double.infinity)
    if columns <= width {
      let value = load(x, columns, fill: lowest)
      let largest = splat(value.largest)
      let e = exp(value - largest)
      let sum = splat(e.sum)
      if let y { (e / sum).store(y, columns) }
      return (largest, sum)
    }
    var most = lowest
    sweep(Self.self, 0, columns) { i, n in most = max(load(x + i, n, fill: lowest), most) }
    let largest = splat(most.largest)
    var total = zero
    guard let y else {
      sweep(Self.self, 0, columns) { i, n in total = total + exp(load(x + i, n, fill: lowest) - largest) }
      return (largest, splat(total.sum))
    }
    sweep(Self.self, 0, columns) { i, n in
      let e = exp(load(x + i, n, fill: lowest) - largest)
      total = total + e
      e.store(y + i, n)
    }
    let sum = splat(total.sum)
    let inverse = one / sum
    sweep(Self.self, 0, columns) { i, n in (load(y + i, n) * inverse).store(y + i, n) }
    return (largest, sum)
  }
}

enum Softmax<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: SoftmaxArguments) -> Int { a.columns > 0 ? a.rows : 0 }
  @inline(__always) static func chunk(_ a: SoftmaxArguments) -> Int { rowChunk(a.rows, a.columns) }

  @inline(__always) static func run(_ a: UnsafePointer<SoftmaxArguments>, _ lower: Int, _ upper: Int) {
    let columns = a.pointee.columns
    let x = a.pointee.x.of(V.Scalar.self)
    let y = a.pointee.y.of(V.Scalar.self)
    for row in lower..<upper { _ = V.softmax(x + row &* columns, y + row &* columns, columns) }
  }
}

enum SoftmaxGradient<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: SoftmaxGradientArguments) -> Int { a.columns > 0 ? a.rows : 0 }
  @inline(__always) static func chunk(_ a: SoftmaxGradientArguments) -> Int { rowChunk(a.rows, a.columns) }

  @inline(__always) static func run(_ a: UnsafePointer<SoftmaxGradientArguments>, _ lower: Int, _ upper: Int)
  {
    let columns = a.pointee.columns
    let accumulate = a.pointee.accumulate != 0
    for row in lower..<upper {
      let y = a.pointee.y.of(V.Scalar.self) + row &* columns
      let dy = a.pointee.dy.of(V.Scalar.self) + row &* columns
      let dx = a.pointee.dx.of(V.Scalar.self) + row &* columns
      var total = V.zero
      sweep(V.self, 0, columns) { i, n in total = V.fma(V.load(y + i, n), V.load(dy + i, n), total) }
      let inner = V.splat(total.sum)
      sweep(V.self, 0, columns) { i, n in
        let value = V.load(y + i, n) * (V.load(dy + i, n) - inner)
        (accumulate ? V.load(dx + i, n) + value : value).store(dx + i, n)
      }
    }
  }
}
