import CShim

// Copies parts of A and B in the order in which tiles read them.

/// Returns the columns of a panel of B: two vectors, or one at the right edge if that is enough.
@inline(__always)
func panelWidth<V: Vector>(_: V.Type, _ columns: Int) -> Int { columns > V.width ? 2 &* V.width : V.width }

/// Writes `count` × `k` of a row-major matrix (`count` ≤ the lanes used) side by side: out[p·outStride + i].
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

/// Copies `k` rows of `count` adjacent elements, writing `lanes` of each; those from `count` on are 0.
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

/// Writes panels of B side by side, `count` columns and `k` rows in total. Row by row, so that B is read in
/// long runs and each panel written sequentially.
@inline(__always)
func packPanels<V: Vector>(
  _: V.Type, _ source: UnsafePointer<V.Scalar>, _ stride: Int, count: Int, k: Int,
  _ out: UnsafeMutablePointer<V.Scalar>
) {
  let panel = 2 &* V.width
  let whole = count / panel &* panel
  for p in 0..<k {
    let from = source + p &* stride
    var j = 0
    while j < whole {
      let to = out + (j &* k &+ p &* panel)
      denpa_prefetch(from + (4 &* stride &+ j))
      let left = V.load(from + j), right = V.load(from + (j &+ V.width))
      left.store(to)
      right.store(to + V.width)
      j &+= panel
    }
  }
  if whole < count {
    let lanes = panelWidth(V.self, count &- whole)
    packAlong(
      V.self, source + whole, stride, count: count &- whole, k: k, out + whole &* k, lanes, lanes: lanes)
  }
}
