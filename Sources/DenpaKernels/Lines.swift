import DenpaKernelTypes

/// A position among the lines of two tensors that are walked through together: a line is their innermost
/// axis.
struct Lines {
  private let axes: UnsafePointer<PairAxis>
  private let outer: Int
  private var index = SIMD8<Int>.zero
  /// Where the line begins in both tensors.
  private(set) var a = 0, b = 0

  @inline(__always)
  init(_ axes: UnsafePointer<PairAxis>, _ count: Int, first line: Int) {
    self.axes = axes
    outer = count &- 1
    var rest = line, axis = outer &- 1
    while axis >= 0 {
      index[axis] = rest % axes[axis].extent
      rest /= axes[axis].extent
      a &+= index[axis] &* axes[axis].a
      b &+= index[axis] &* axes[axis].b
      axis &-= 1
    }
  }

  @inline(__always)
  mutating func next() {
    var axis = outer &- 1
    while axis >= 0 {
      index[axis] &+= 1
      a &+= axes[axis].a
      b &+= axes[axis].b
      if index[axis] < axes[axis].extent { break }
      index[axis] = 0
      a &-= axes[axis].extent &* axes[axis].a
      b &-= axes[axis].extent &* axes[axis].b
      axis &-= 1
    }
  }
}
