import DenpaKernelTypes

/// The elements of A from which the rows are divided, and those of one chunk, approximately.
@inline(__always) private var divideFrom: Int { 1 << 17 }
@inline(__always) private var chunkElements: Int { 1 << 14 }

/// Computes C = A·b with one column: rows of A times b, in vectors over k. The order of summation depends on
/// k alone.
@inline(never)
func columnProduct<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ k: Int,
  _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ run: RunPointer, _ body: ChunkBody
) {
  if m == 1 {
    var finish = Finish<V>(p, n: m, first: true, last: true)
    finish.oneBias = true
    var sum = V.splat(dot(V.self, a, b, k))
    withUnsafeMutableBytes(of: &sum) { sum in
      finish.apply(sum.baseAddress.of(V.Scalar.self), 1, 1, place: 0, column: 0, last: 1)
    }
    return
  }
  let rows = roundUp(Swift.max(1, chunkElements / k), V.width)
  let alone = m &* k < divideFrom || m <= rows || run.threads == 1
  var plan = ProductPlan<V>(arguments: p, rowsOf: a, m: m, k: k, b: b, rowsPerChunk: alone ? m : rows)
  withUnsafeMutablePointer(to: &plan) { plan in
    if alone {
      computeRows(plan, 0)
    } else {
      run.parallel((m &- 1) / rows &+ 1, body, plan)
    }
  }
}

/// Computes some rows of a product with one column.
@inline(never)
func computeRows<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int) {
  let (m, k, a, b) = (context.pointee.m, context.pointee.k, context.pointee.a, context.pointee.b)
  var finish = Finish<V>(context.pointee.arguments, n: m, first: true, last: true)
  finish.oneBias = true
  var row = chunk &* context.pointee.height
  let end = Swift.min(m, row &+ context.pointee.height)
  while row < end {
    let count = Swift.min(V.width, end &- row)
    var sums = V.zero
    withUnsafeMutableBytes(of: &sums) { bytes in
      let sums = bytes.baseAddress.of(V.Scalar.self)
      for i in 0..<count { sums[i] = dot(V.self, a + (row &+ i) &* k, b, k) }
      finish.apply(sums, 1, 1, place: row, column: row, last: count)
    }
    row &+= count
  }
}

extension ProductPlan {
  /// One column, divided into chunks of rows.
  @inline(__always)
  fileprivate init(
    arguments: UnsafePointer<ProductArguments>, rowsOf a: UnsafePointer<Scalar>, m: Int, k: Int,
    b: UnsafePointer<Scalar>,
    rowsPerChunk: Int
  ) {
    let nothing = arguments.pointee.c.of(Scalar.self)
    self.init(
      arguments: arguments, m: m, n: 1, k: k, a: a, b: b, transposeA: false, transposeB: false, packA: false,
      placeB: .inPlace, division: .rows, block: k, blocks: 1, tiles: 0, height: rowsPerChunk, tallTiles: 0,
      packedB: nothing, own: nothing, ownRows: 0, workerStride: 0, sums: nothing)
  }
}

@inline(__always)
func dot<V: Vector>(
  _: V.Type, _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ k: Int
) -> V.Scalar {
  if k <= V.width { return V.fma(V.load(a, k), V.load(b, k), V.zero).sum }
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
