import DenpaKernelTypes

/// C = A·b with one column: rows of A times b, in vectors over k. How it is added up depends on k alone.
@inline(never)
func columnProduct<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ k: Int,
  _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>
) {
  var finish = Finish<V>(p, n: m, first: true, last: true)
  finish.oneBias = true
  if m == 1 {
    var sum = V.splat(dot(V.self, a, b, k))
    withUnsafeMutableBytes(of: &sum) { sum in
      finish.apply(sum.baseAddress.of(V.Scalar.self), 1, 1, place: 0, column: 0, last: 1)
    }
    return
  }
  var row = 0
  while row < m {
    let count = Swift.min(V.width, m &- row)
    var sums = V.zero
    withUnsafeMutableBytes(of: &sums) { bytes in
      let sums = bytes.baseAddress.of(V.Scalar.self)
      for i in 0..<count { sums[i] = dot(V.self, a + (row &+ i) &* k, b, k) }
      finish.apply(sums, 1, 1, place: row, column: row, last: count)
    }
    row &+= count
  }
}

@inline(__always)
private func dot<V: Vector>(
  _: V.Type, _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ k: Int
) -> V.Scalar {
  var s0 = V.zero, s1 = V.zero, s2 = V.zero, s3 = V.zero
  var i = 0
  while i &+ 4 &* V.width <= k {
    s0 = V.fma(V.load(a + i), V.load(b + i), s0)
    s1 = V.fma(V.load(a + (i &+ V.width)), V.load(b + (i &+ V.width)), s1)
    s2 = V.fma(V.load(a + (i &+ 2 &* V.width)), V.load(b + (i &+ 2 &* V.width)), s2)
    s3 = V.fma(V.load(a + (i &+ 3 &* V.width)), V.load(b + (i &+ 3 &* V.width)), s3)
    i &+= 4 &* V.width
  }
  sweep(V.self, i, k) { i, n in s0 = V.fma(V.load(a + i, n), V.load(b + i, n), s0) }
  return ((s0 + s1) + (s2 + s3)).sum
}
