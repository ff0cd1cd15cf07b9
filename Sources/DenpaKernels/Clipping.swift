import DenpaKernelTypes

/// The sum of squares, in double precision beyond a chunk's vectors.
enum SumSquares<V: Vector>: LossKernel {
  @inline(__always) static func items(_ a: SumSquaresArguments) -> Int { a.count }
  @inline(__always) static func width(_ a: SumSquaresArguments) -> Int { 1 }

  /// Vectors that are added before they go to the sum in double precision.
  @inline(__always) private static var block: Int { 32 }

  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    let a = arguments.assumingMemoryBound(to: SumSquaresArguments.self)
    a.pointee.total.unsafelyUnwrapped.pointee += addUp(SumSquares<V>.self, a, run, body)
    return 0
  }

  @inline(__always)
  static func run(_ a: UnsafePointer<SumSquaresArguments>, _ lower: Int, _ upper: Int) -> Double {
    let x = a.pointee.x.of(V.Scalar.self)
    var total = 0.0, part = V.zero, vectors = 0
    sweep(V.self, lower, upper) { i, n in
      let value = V.load(x + i, n)
      part = V.fma(value, value, part)
      vectors &+= 1
      if vectors == block {
        total += V.double(part.sum)
        part = V.zero
        vectors = 0
      }
    }
    return total + V.double(part.sum)
  }
}

enum Clip<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: ClipArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: ClipArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<ClipArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x.of(V.Scalar.self)
    let highest = V.splat(a.pointee.limit), lowest = V.splat(-a.pointee.limit)
    sweep(V.self, lower, upper) { i, n in
      V.max(lowest, V.min(highest, V.load(x + i, n))).store(x + i, n)
    }
  }
}
