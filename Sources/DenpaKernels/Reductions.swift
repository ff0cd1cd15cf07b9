import DenpaKernelTypes

/// Sums over axes. Each element of y is summed by one thread, in an order that depends on the sizes alone:
/// 128 terms at a time, whose sums are added.
enum SumAxes<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: ReductionArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: ReductionArguments) -> Int { reductionChunk(V.self, a.terms) }

  private static var block: Int { 128 }

  @inline(__always) static func run(_ a: UnsafePointer<ReductionArguments>, _ lower: Int, _ upper: Int) {
    let kept = a.pointee.kept.unsafelyUnwrapped, last = innermost(a)
    let inner = kept[a.pointee.keptCount &- 1]
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    let scale = V.splat(a.pointee.scale), adds = a.pointee.accumulate != 0
    var bad = V.zero
    @inline(__always) func write(_ sum: V, _ i: Int, _ n: Int) {
      let value = adds ? V.fma(sum, scale, V.load(y + i, n)) : sum * scale
      bad = V.fma(value, V.zero, bad)
      value.store(y + i, n)
    }
    var i = lower
    while i < upper {
      let base = x + offset(kept, a.pointee.keptCount, i)
      if inner.stride == 1, last.stride != 1 || a.pointee.terms == 1 {
        // Neighbours in y are neighbours in x: whole vectors of sums. Not where the terms are neighbours, which
        // for one row looks like both.
        let n = Swift.min(V.width, Swift.min(inner.extent &- i % inner.extent, upper &- i))
        write(total(a, last) { V.load(base + $0, n) }, i, n)
        i &+= n
      } else if last.stride == 1 {
        write(V.splat(along(a, base, last)), i, 1)
        i &+= 1
      } else {
        write(total(a, last) { V.splat(base[$0]) }, i, 1)
        i &+= 1
      }
    }
    report(bad, a.pointee.flag)
  }

  /// The sum over all terms, each of which `term` loads from its offset.
  @inline(__always)
  private static func total(_ a: UnsafePointer<ReductionArguments>, _ last: SingleAxis, _ term: (Int) -> V)
    -> V
  {
    var sum = V.zero, part = V.zero, terms = 0
    for line in 0..<a.pointee.terms / Swift.max(last.extent, 1) {
      let start = offset(a.pointee.reduced.unsafelyUnwrapped, a.pointee.reducedCount &- 1, line)
      for k in 0..<last.extent {
        part = part + term(start &+ k &* last.stride)
        terms &+= 1
        if terms == block {
          sum = sum + part
          part = V.zero
          terms = 0
        }
      }
    }
    return sum + part
  }

  /// The sum over all terms if those of the last axis are neighbours.
  @inline(__always)
  private static func along(
    _ a: UnsafePointer<ReductionArguments>, _ base: UnsafePointer<V.Scalar>, _ last: SingleAxis
  ) -> V.Scalar {
    var sum = V.zero, part = V.zero, vectors = 0
    for line in 0..<a.pointee.terms / Swift.max(last.extent, 1) {
      let start = base + offset(a.pointee.reduced.unsafelyUnwrapped, a.pointee.reducedCount &- 1, line)
      sweep(V.self, 0, last.extent) { i, n in
        part = part + V.load(start + i, n)
        vectors &+= 1
        if vectors == block {
          sum = sum + part
          part = V.zero
          vectors = 0
        }
      }
    }
    return (sum + part).sum
  }
}

/// The largest element over axes; NaN if there is one.
enum MaxAxes<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: ReductionArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: ReductionArguments) -> Int { reductionChunk(V.self, a.terms) }

  @inline(__always) static func run(_ a: UnsafePointer<ReductionArguments>, _ lower: Int, _ upper: Int) {
    let kept = a.pointee.kept.unsafelyUnwrapped, last = innermost(a)
    let inner = kept[a.pointee.keptCount &- 1]
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    var i = lower
    while i < upper {
      let base = x + offset(kept, a.pointee.keptCount, i)
      let n =
        inner.stride == 1 ? Swift.min(V.width, Swift.min(inner.extent &- i % inner.extent, upper &- i)) : 1
      var largest = V.splat(-Double.infinity)
      eachTerm(a.pointee.reduced.unsafelyUnwrapped, a.pointee.reducedCount, a.pointee.terms, last) { k in
        largest = Greatest.value(V.load(base + k, n), largest)
      }
      largest.store(y + i, n)
      i &+= n
    }
  }
}

/// The gradient of `MaxAxes`, one element of y at a time.
enum MaxAxesGradient<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: MaxGradientArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: MaxGradientArguments) -> Int { rowChunk(0, a.terms) }

  @inline(__always) static func run(_ a: UnsafePointer<MaxGradientArguments>, _ lower: Int, _ upper: Int) {
    let kept = a.pointee.kept.unsafelyUnwrapped, reduced = a.pointee.reduced.unsafelyUnwrapped
    let count = a.pointee.reducedCount, last = reduced[count &- 1]
    let x = a.pointee.x.of(V.Scalar.self), dx = a.pointee.dx.of(V.Scalar.self)
    let y = a.pointee.y.of(V.Scalar.self), dy = a.pointee.dy.of(V.Scalar.self)
    let adds = a.pointee.accumulate != 0
    for i in lower..<upper {
      let start = offset(kept, a.pointee.keptCount, i)
      let largest = V.splat(y[i])
      var equal = V.zero
      eachTerm(reduced, count, a.pointee.terms, last) { k in
        equal = equal + V.select(V.load(x + (start &+ k), 1), equals: largest, V.one, V.zero)
      }
      let share = V.splat(dy[i]) / equal
      eachTerm(reduced, count, a.pointee.terms, last) { k in
        let place = dx + (start &+ k)
        let value = V.select(V.load(x + (start &+ k), 1), equals: largest, share, V.zero)
        (adds ? V.load(place, 1) + value : value).store(place, 1)
      }
    }
  }
}

/// Elements of y in one chunk: whole vectors.
@inline(__always)
private func reductionChunk<V: Vector>(_: V.Type, _ terms: Int) -> Int {
  (rowChunk(0, terms) &+ V.width &- 1) / V.width &* V.width
}

@inline(__always)
private func innermost(_ a: UnsafePointer<ReductionArguments>) -> SingleAxis {
  a.pointee.reduced.unsafelyUnwrapped[a.pointee.reducedCount &- 1]
}

/// Where element `index` of y begins in x; likewise for lines of the reduced axes.
@inline(__always)
private func offset(_ axes: UnsafePointer<SingleAxis>, _ count: Int, _ index: Int) -> Int {
  var rest = index, result = 0, axis = count &- 1
  while axis >= 0 {
    result &+= rest % axes[axis].extent &* axes[axis].stride
    rest /= axes[axis].extent
    axis &-= 1
  }
  return result
}

/// Calls `body` with the offset of each of the terms.
@inline(__always)
private func eachTerm(
  _ axes: UnsafePointer<SingleAxis>, _ count: Int, _ terms: Int, _ last: SingleAxis,
  _ body: (Int) -> Void
) {
  for line in 0..<terms / Swift.max(last.extent, 1) {
    let start = offset(axes, count &- 1, line)
    for k in 0..<last.extent { body(start &+ k &* last.stride) }
  }
}
