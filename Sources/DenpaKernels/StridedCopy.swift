import DenpaKernelTypes

/// Copies line by line: a line is the innermost axis, and an item of the kernel.
enum StridedCopy<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: StridedCopyArguments) -> Int {
    guard let axes = a.axes else { return 0 }
    var lines = axes[a.axisCount &- 1].extent > 0 ? 1 : 0
    for axis in 0..<(a.axisCount &- 1) { lines = lines &* axes[axis].extent }
    return lines
  }

  @inline(__always) static func chunk(_ a: StridedCopyArguments) -> Int {
    let lines = rowChunk(0, a.axes.unsafelyUnwrapped[a.axisCount &- 1].extent)
    return (lines &+ a.linesTogether &- 1) / a.linesTogether &* a.linesTogether
  }

  @inline(__always) static func run(_ a: UnsafePointer<StridedCopyArguments>, _ lower: Int, _ upper: Int) {
    let axes = a.pointee.axes.unsafelyUnwrapped
    let line = axes[a.pointee.axisCount &- 1]
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    let scale = V.splat(a.pointee.scale), adds = a.pointee.accumulate != 0
    var bad = V.zero
    var lines = Lines(axes, a.pointee.axisCount, first: lower)
    for _ in lower..<upper {
      copy(x + lines.a, y + lines.b, line, scale, adds, &bad)
      lines.next()
    }
    report(bad, a.pointee.flag)
  }

  @inline(__always)
  private static func copy(
    _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ line: PairAxis, _ scale: V,
    _ adds: Bool, _ bad: inout V
  ) {
    var found = bad
    if line.a == 1, line.b == 1 {
      sweep(V.self, 0, line.extent) { i, n in
        let value = adds ? V.fma(V.load(x + i, n), scale, V.load(y + i, n)) : V.load(x + i, n) * scale
        found = V.fma(value, V.zero, found)
        value.store(y + i, n)
      }
    } else {
      for i in 0..<line.extent {
        let place = y + i &* line.b
        let value = V.load(x + i &* line.a, 1)
        let result = adds ? V.fma(value, scale, V.load(place, 1)) : value * scale
        found = V.fma(result, V.zero, found)
        result.store(place, 1)
      }
    }
    bad = found
  }
}
