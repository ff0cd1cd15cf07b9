import DenpaKernelTypes

/// y (+)= Σ rows. A chunk is a group of columns, summed in blocks of 256 rows so that the error of a long sum
/// stays close to that of its blocks.
enum ColumnSum<V: Vector>: RangeKernel {
  @inline(__always) private static var rowBlock: Int { 256 }

  @inline(__always) static func items(_ a: ColumnSumArguments) -> Int { a.columns }

  /// All columns if there is little to sum, otherwise as many whole vectors as fill a chunk.
  @inline(__always) static func chunk(_ a: ColumnSumArguments) -> Int {
    if a.rows &* a.columns <= 4 &* elementChunk { return a.columns }
    let vectors = Swift.max(4, (2 &* elementChunk / Swift.max(a.rows, 1)) / V.width)
    return vectors &* V.width
  }

  @inline(__always) static func run(_ a: UnsafePointer<ColumnSumArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x
    let y = a.pointee.y.of(V.Scalar.self)
    let rows = a.pointee.rows, columns = a.pointee.columns
    let accumulate = a.pointee.accumulate != 0
    var bad = V.zero
    var i = lower
    if rows == 0 {
      if !accumulate { sweep(V.self, lower, upper) { i, n in V.zero.store(y + i, n) } }
      return
    }
    let start = x.of(V.Scalar.self)
    while i &+ 4 &* V.width <= upper {
      var s0 = V.zero, s1 = V.zero, s2 = V.zero, s3 = V.zero
      var row = 0
      while row < rows {
        let end = Swift.min(rows, row &+ rowBlock)
        var b0 = V.zero, b1 = V.zero, b2 = V.zero, b3 = V.zero
        while row < end {
          let p = start + (row &* columns &+ i)
          b0 = b0 + V.load(p)
          b1 = b1 + V.load(p + V.width)
          b2 = b2 + V.load(p + 2 &* V.width)
          b3 = b3 + V.load(p + 3 &* V.width)
          row &+= 1
        }
        s0 = s0 + b0
        s1 = s1 + b1
        s2 = s2 + b2
        s3 = s3 + b3
      }
      finish(s0, V.width, y + i, accumulate, &bad)
      finish(s1, V.width, y + (i &+ V.width), accumulate, &bad)
      finish(s2, V.width, y + (i &+ 2 &* V.width), accumulate, &bad)
      finish(s3, V.width, y + (i &+ 3 &* V.width), accumulate, &bad)
      i &+= 4 &* V.width
    }
    sweep(V.self, i, upper) { i, n in
      var total = V.zero
      var row = 0
      while row < rows {
        let end = Swift.min(rows, row &+ rowBlock)
        var block = V.zero
        while row < end {
          block = block + V.load(start + (row &* columns &+ i), n)
          row &+= 1
        }
        total = total + block
      }
      finish(total, n, y + i, accumulate, &bad)
    }
    report(bad, a.pointee.flag)
  }

  @inline(__always)
  private static func finish(
    _ sum: V, _ n: Int, _ y: UnsafeMutablePointer<V.Scalar>, _ accumulate: Bool, _ bad: inout V
  ) {
    let value = accumulate ? V.load(y, n) + sum : sum
    bad = V.fma(value, V.zero, bad)
    value.store(y, n)
  }
}
