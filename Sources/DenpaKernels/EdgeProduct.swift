import DenpaKernelTypes

// The columns of C beyond the last whole vector, if they are few: 2 of 50, all of 10. A tile would spend a
// whole vector on them in each row. They are therefore computed transposed, with vectors over the rows of C:
// the tile's rows are these columns, its strip 16 or 32 rows of C. Every element is still summed over k in
// the same order, so the bits are the same.

/// Returns the number of columns at C's right edge to compute this way.
@inline(__always)
func edgeColumns<V: Vector>(_: V.Type, _ m: Int, _ n: Int, _ k: Int, packsA: Bool) -> Int {
  // The sums are transposed on their way to C, which does not pay for a short k.
  if m < 2 &* V.width || k < 32 { return 0 }
  let edge = n % V.width
  // `packsA`: A must be packed for it.
  let most = packsA ? V.width / 2 : V.width &* 3 / 4
  return edge <= Swift.min(most, tileHeight) ? edge : 0
}

/// The elements of each worker's memory for the sums of a strip, before and after transposing.
@inline(__always)
func edgeElements<V: Vector>(_: V.Type) -> Int { 4 &* V.width &* V.width }

/// Computes some rows of the edge.
@inline(never)
func computeEdge<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  let plan = context.pointee
  let first = chunk &* plan.rowsPerEdgeChunk
  let end = Swift.min(plan.m, first &+ plan.rowsPerEdgeChunk)
  for index in plan.firstBlock..<plan.lastBlock {
    let finish = Finish<V>(
      plan.arguments, stride: plan.cStride, first: index == 0, last: index == plan.blocks &- 1)
    var row = first
    while row < end {
      plan.multiplyEdge(row, Swift.min(plan.panel, end &- row), index, worker, finish)
      row &+= plan.panel
    }
  }
}

extension ProductPlan {
  @inline(__always)
  fileprivate func multiplyEdge(_ row: Int, _ count: Int, _ index: Int, _ worker: Int, _ finish: Finish<V>) {
    let length = blockLength(index)
    let start = blockStart(index)
    let lanes = panelWidth(V.self, count)
    let own = own + worker &* workerStride
    let sums = own + (workerStride &- edgeElements(V.self))
    // The tile's B: rows of A side by side.
    var call = TileCall<V>(
      k: length, a: b.base, aStride: b.stride, b: a.at(line: row, step: start), bStride: a.stride,
      bLast: count &- (lanes &- V.width), place: 0, column: 0, last: V.width)
    if a.unitSteps || a.loops != nil {
      let packed = own + ownRows
      a.pack(line: row, count: count, step: start, k: length, packed, lanes, lanes: lanes)
      call.b = UnsafePointer(packed)
      call.bStride = lanes
      call.bLast = V.width
    }
    var gather = Finish<V>(sums: sums, stride: lanes)
    if placeB == .packed {
      let panelStart = tiledColumns / panel &* panel
      call.a = UnsafePointer(packedBlock(index) + (panelStart &* length &+ tiledColumns &- panelStart))
      call.aStride = packedWidth(panelStart)
      Tile.run(UnitRows.self, lanes: lanes, edge, &call, &gather)
    } else {
      call.a = b.at(line: column &+ tiledColumns, step: start)
      if b.unitSteps {
        Tile.run(UnitSteps.self, lanes: lanes, edge, &call, &gather)
      } else {
        Tile.run(UnitRows.self, lanes: lanes, edge, &call, &gather)
      }
    }
    let turned = sums + 2 &* V.width &* V.width
    for left in stride(from: 0, to: lanes, by: V.width) {
      V.transpose(
        sums + left, lanes, count: edge, columns: V.width, turned + left &* V.width, V.width, lanes: V.width)
    }
    finish.apply(
      turned, count, 1, place: row &* cStride &+ column &+ tiledColumns, column: column &+ tiledColumns,
      last: edge)
  }
}
