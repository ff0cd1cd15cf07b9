import DenpaKernelTypes

/// Copies line by line: a line is the innermost axis, and an item of the kernel.
enum StridedCopy<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: StridedCopyArguments) -> Int {
    guard let axes = a.axes else { return 0 }
    var lines = axes[a.axisCount &- 1].extent > 0 ? 1 : 0
    for axis in 0..<(a.axisCount &- 1) { lines = lines &* axes[axis].extent }
    return lines
  }

  @inline(__always) static func chunk(_ a: StridedCopyArguments) -> Int {
    rowChunk(0, a.axes.unsafelyUnwrapped[a.axisCount &- 1].extent)
  }

  @inline(__always) static func run(_ a: UnsafePointer<StridedCopyArguments>, _ lower: Int, _ upper: Int) {
    let axes = a.pointee.axes.unsafelyUnwrapped
    let outer = a.pointee.axisCount &- 1
    let line = axes[outer]
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    var bad = V.zero
    // Which line it is, axis by axis, and where that is in both tensors.
    var index = SIMD8<Int>.zero
    var source = 0, destination = 0, rest = lower
    for axis in stride(from: outer &- 1, through: 0, by: -1) {
      index[axis] = rest % axes[axis].extent
      rest /= axes[axis].extent
      source &+= index[axis] &* axes[axis].source
      destination &+= index[axis] &* axes[axis].destination
    }
    for _ in lower..<upper {
      copy(x + source, y + destination, line, a.pointee.accumulate != 0, &bad)
      var axis = outer &- 1
      while axis >= 0 {
        index[axis] &+= 1
        source &+= axes[axis].source
        destination &+= axes[axis].destination
        if index[axis] < axes[axis].extent { break }
        index[axis] = 0
        source &-= axes[axis].extent &* axes[axis].source
        destination &-= axes[axis].extent &* axes[axis].destination
        axis &-= 1
      }
    }
    report(bad, a.pointee.flag)
  }

  @inline(__always)
  private static func copy(
    _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ line: CopyAxis, _ adds: Bool,
    _ bad: inout V
  ) {
    var found = bad
    if line.source == 1, line.destination == 1 {
      sweep(V.self, 0, line.extent) { i, n in
        let value = adds ? V.load(x + i, n) + V.load(y + i, n) : V.load(x + i, n)
        found = V.fma(value, V.zero, found)
        value.store(y + i, n)
      }
    } else {
      for i in 0..<line.extent {
        let place = y + i &* line.destination
        let value = V.load(x + i &* line.source, 1)
        let result = adds ? value + V.load(place, 1) : value
        found = V.fma(result, V.zero, found)
        result.store(place, 1)
      }
    }
    bad = found
  }
}
