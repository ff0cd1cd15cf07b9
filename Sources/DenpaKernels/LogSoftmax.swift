import DenpaKernelTypes

enum LogSoftmax<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: SoftmaxArguments) -> Int { a.columns > 0 ? a.rows : 0 }
  @inline(__always) static func chunk(_ a: SoftmaxArguments) -> Int { rowChunk(a.rows, a.columns) }

  @inline(__always) static func run(_ a: UnsafePointer<SoftmaxArguments>, _ lower: Int, _ upper: Int) {
    let columns = a.pointee.columns
    for row in lower..<upper {
      let x = a.pointee.x.of(V.Scalar.self) + row &* columns
      let y = a.pointee.y.of(V.Scalar.self) + row &* columns
      let (largest, sum) = V.softmax(x, nil, columns)
      let shift = V.log(sum)
      sweep(V.self, 0, columns) { i, n in (V.load(x + i, n) - largest - shift).store(y + i, n) }
    }
  }
}

enum LogSoftmaxGradient<V: Vector>: RangeKernel {
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
      sweep(V.self, 0, columns) { i, n in total = total + V.load(dy + i, n) }
      let sum = V.splat(total.sum)
      sweep(V.self, 0, columns) { i, n in
        let value = V.load(dy + i, n) - V.exp(V.load(y + i, n)) * sum
        (accumulate ? V.load(dx + i, n) + value : value).store(dx + i, n)
      }
    }
  }
}
