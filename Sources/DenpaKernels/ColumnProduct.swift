import DenpaKernelTypes

/// The elements of A from which the rows are divided, and those of one chunk, approximately.
@inline(__always) private var divideFrom: Int { 1 << 17 }
@inline(__always) private var chunkElements: Int { 1 << 14 }

/// Computes C = A·b with one column: rows of A times b, in vectors over k. The order of summation depends on
/// k alone.
@inline(never)
func columnProduct<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ k: Int, _ a: Operand<V>, _ b: Operand<V>,
  _ run: RunPointer, _ body: ChunkBody
) {
  if m == 1 && a.loops == nil && b.loops == nil {
    var finish = Finish<V>(p, stride: m, first: true, last: true)
    finish.oneBias = true
    var sum = V.splat(dot(V.self, a.base, b.base, k))
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
      computeRows(plan, 0, 0)
    } else {
      run.parallel((m &- 1) / rows &+ 1, body, plan)
    }
  }
}

/// Computes some rows of a product with one column.
@inline(never)
func computeRows<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  let (m, k, stride) = (context.pointee.m, context.pointee.k, context.pointee.a.stride)
  let x = context.pointee.a.base, column = context.pointee.b.base
  let isPlain = context.pointee.a.loops == nil && context.pointee.b.loops == nil
  var finish = Finish<V>(context.pointee.arguments, stride: m, first: true, last: true)
  finish.oneBias = true
  var row = chunk &* context.pointee.height
  let end = Swift.min(m, row &+ context.pointee.height)
  while row < end {
    let count = Swift.min(V.width, end &- row)
    var sums = V.zero
    withUnsafeMutableBytes(of: &sums) { bytes in
      let sums = bytes.baseAddress.of(V.Scalar.self)
      if isPlain {
        for i in 0..<count { sums[i] = dot(V.self, x + (row &+ i) &* stride, column, k) }
      } else {
        for i in 0..<count { sums[i] = gatheredDot(context, row &+ i, worker) }
      }
      finish.apply(sums, 1, 1, place: row, column: row, last: count)
    }
    row &+= count
  }
}

extension ProductPlan {
  /// One column, divided into chunks of rows.
  @inline(__always)
  fileprivate init(
    arguments: UnsafePointer<ProductArguments>, rowsOf a: Operand<V>, m: Int, k: Int, b: Operand<V>,
    rowsPerChunk: Int
  ) {
    let workspace =
      arguments.pointee.workspace ?? UnsafeMutableRawPointer(arguments.pointee.c.of(Scalar.self))
    let own = workspace.assumingMemoryBound(to: Scalar.self)
    self.init(
      arguments: arguments, m: m, n: 1, k: k, a: a, b: b, cStride: 1, packA: false, placeB: .inPlace,
      division: .rows, block: k, blocks: 1, tiles: 0, height: rowsPerChunk, tallTiles: 0, packedB: own,
      own: own, ownRows: 0, workerStride: 2 &* DotSums<V>.stretch, sums: own)
  }
}

@inline(__always)
func dot<V: Vector>(
  _: V.Type, _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ k: Int
) -> V.Scalar {
  if k <= V.width { return V.fma(V.load(a, k), V.load(b, k), V.zero).sum }
  var sums = DotSums<V>()
  var i = 0
  while i &+ DotSums<V>.stretch <= k {
    sums.add(a, b, at: i)
    i &+= DotSums<V>.stretch
  }
  sums.add(a, b, from: i, to: k)
  return sums.total
}

/// The same for a row where loops walk over A or B: what they meet is gathered, stretch by stretch.
@inline(never)
private func gatheredDot<V: Vector>(_ plan: UnsafePointer<ProductPlan<V>>, _ row: Int, _ worker: Int)
  -> V.Scalar
{
  let (k, a, b) = (plan.pointee.k, plan.pointee.a, plan.pointee.b)
  let stretch = DotSums<V>.stretch
  let left = plan.pointee.own + worker &* plan.pointee.workerStride
  let right = left + stretch
  var sums = DotSums<V>()
  var i = 0
  while i < k {
    let count = Swift.min(stretch, k &- i)
    a.pack(line: row, count: 1, step: i, k: count, left, 1, lanes: 1)
    var column = b.base + i
    if b.loops != nil {
      b.pack(line: 0, count: 1, step: i, k: count, right, 1, lanes: 1)
      column = UnsafePointer(right)
    }
    if k <= V.width { return dot(V.self, left, column, k) }
    if count == stretch { sums.add(left, column, at: 0) } else { sums.add(left, column, from: 0, to: count) }
    i &+= count
  }
  return sums.total
}

/// The sums of a scalar product.
private struct DotSums<V: Vector> {
  var s0 = V.zero, s1 = V.zero, s2 = V.zero, s3 = V.zero

  /// The elements that are added at once.
  @inline(__always) static var stretch: Int { 4 &* V.width }

  /// Adds a stretch.
  @inline(__always)
  mutating func add(_ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, at i: Int) {
    s0 = V.fma(V.load(a + i), V.load(b + i), s0)
    s1 = V.fma(V.load(a + (i &+ V.width)), V.load(b + (i &+ V.width)), s1)
    s2 = V.fma(V.load(a + (i &+ 2 &* V.width)), V.load(b + (i &+ 2 &* V.width)), s2)
    s3 = V.fma(V.load(a + (i &+ 3 &* V.width)), V.load(b + (i &+ 3 &* V.width)), s3)
  }

  /// Adds the last elements, fewer than a stretch.
  @inline(__always)
  mutating func add(_ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, from i: Int, to k: Int) {
    sweep(V.self, i, k) { i, n in s0 = V.fma(V.load(a + i, n), V.load(b + i, n), s0) }
  }

  @inline(__always) var total: V.Scalar { ((s0 + s1) + (s2 + s3)).sum }
}
