// Copies of parts of A and B in the order in which tiles read them.

/// Columns of a panel of B: two vectors, or one at the right edge where that is enough.
@inline(__always)
func panelWidth<V: Vector>(_: V.Type, _ columns: Int) -> Int { columns > V.width ? 2 &* V.width : V.width }

/// Rows `count` × `k` of a row-major matrix (`count` ≤ the lanes taken) side by side: out[p·outStride + i].
/// Up to `lanes` rows are written; those from `count` on are 0.
@inline(__always)
func packAcross<V: Vector>(
  _: V.Type, _ source: UnsafePointer<V.Scalar>, _ stride: Int, count: Int, k: Int,
  _ out: UnsafeMutablePointer<V.Scalar>, _ outStride: Int, lanes: Int
) {
  var i = 0
  while i < lanes {
    var p = 0
    while p < k {
      V.transpose(
        source + (i &* stride &+ p), stride, count: count &- i, columns: k &- p,
        out + (p &* outStride &+ i), outStride, lanes: lanes &- i)
      p &+= V.width
    }
    i &+= V.width
  }
}

/// `k` rows of `count` neighbours, `lanes` written of each; those from `count` on are 0.
@inline(__always)
func packAlong<V: Vector>(
  _: V.Type, _ source: UnsafePointer<V.Scalar>, _ stride: Int, count: Int, k: Int,
  _ out: UnsafeMutablePointer<V.Scalar>, _ outStride: Int, lanes: Int
) {
  for p in 0..<k {
    let from = source + p &* stride
    let to = out + p &* outStride
    sweep(V.self, 0, lanes) { i, n in V.load(from + i, Swift.min(n, count &- i)).store(to + i, n) }
  }
}
