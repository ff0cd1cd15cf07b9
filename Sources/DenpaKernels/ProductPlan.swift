import DenpaKernelTypes

/// Where tiles read B.
enum PlaceB {
  case inPlace
  /// Packed by all workers before the first tile.
  case packed
  /// Packed by each worker, panel by panel: for a B that must be packed but is read by only one tile.
  case own
}

/// How a product is divided into chunks.
enum Division {
  /// Several tiles of C, over all blocks of k.
  case tiles
  /// One block of k (BlockProduct.swift).
  case blocks
  /// Several rows, of a product with one column (ColumnProduct.swift).
  case rows
}

/// Everything that the chunks of a product share; on the caller's stack.
struct ProductPlan<V: Vector> {
  typealias Scalar = V.Scalar
  var arguments: UnsafePointer<ProductArguments>
  var m: Int, n: Int, k: Int
  var a: Operand<V>
  var b: Operand<V>
  var cStride: Int
  var packA: Bool
  /// Rows of A are packed one after the other, not side by side.
  var packsLines = false
  var placeB: PlaceB
  var division = Division.tiles
  /// The steps of a block of k, and the number of blocks.
  var block: Int
  var blocks: Int
  /// The blocks and columns being worked on.
  var firstBlock = 0
  var lastBlock = 0
  var column = 0
  var columns = 0
  /// The columns computed by tiles; the `edge` beyond them is computed in transposed vectors
  /// (EdgeProduct.swift).
  var tiledColumns = 0
  var edge = 0
  /// Rows are divided into tiles of almost equal height: this one, and one more in the first `tallTiles`.
  var tiles: Int
  var height: Int
  var tallTiles: Int
  /// The tiles and panels in a chunk; the number of chunks side by side.
  var tilesPerChunk = 1
  var panelsPerChunk = 1
  var chunksAcross = 1
  /// The number of chunks of tiles; the edge's chunks follow.
  var tileChunks = 1
  var rowsPerEdgeChunk = 0
  /// The panels in a chunk of packing; the packing chunks of one block.
  var packPanels = 1
  var packChunks = 1
  var packedB: UnsafeMutablePointer<Scalar>
  /// Memory of each worker: `ownRows` elements for its rows of A, then a panel of B; `workerStride` in total.
  var own: UnsafeMutablePointer<Scalar>
  var ownRows: Int
  var workerStride: Int
  /// The sums of each block (`Division.blocks`).
  var sums: UnsafeMutablePointer<Scalar>
  /// The number of panels of B that fit in the second-level cache.
  var groupPanels = 1

  @inline(__always) var panel: Int { 2 &* V.width }
  @inline(__always) func blockStart(_ index: Int) -> Int { index &* block }
  @inline(__always) func blockLength(_ index: Int) -> Int { Swift.min(block, k &- index &* block) }
  /// Returns the first row of a tile.
  @inline(__always) func tileRow(_ tile: Int) -> Int { tile &* height &+ Swift.min(tile, tallTiles) }
  /// Returns the width of the packed panel that begins at `j`.
  @inline(__always) func packedWidth(_ j: Int) -> Int { panelWidth(V.self, Swift.min(panel, columns &- j)) }
  /// The columns of the packed matrix: whole vectors at the right edge.
  @inline(__always) var packedColumns: Int { roundUp(columns, V.width) }
  /// The number of blocks packed before they are multiplied.
  @inline(__always) var blocksTogether: Int {
    let bytes = block &* packedColumns &* MemoryLayout<Scalar>.stride
    return placeB == .packed && blocks > 1 ? Swift.max(1, packLimit / bytes) : blocks
  }
  @inline(__always) func packedBlock(_ index: Int) -> UnsafeMutablePointer<Scalar> {
    packedB + (index &- firstBlock) &* block &* packedColumns
  }
}

/// Packs the part of B that `plan` is working on.
@inline(__always)
func pack<V: Vector>(_ plan: UnsafeMutablePointer<ProductPlan<V>>, _ run: RunPointer, _ body: ChunkBody) {
  let panels = (plan.pointee.columns &- 1) / plan.pointee.panel &+ 1
  let blocks = plan.pointee.lastBlock &- plan.pointee.firstBlock
  if plan.pointee.block &* plan.pointee.columns &* blocks < 1 << 14 {
    plan.pointee.packPanels = panels
  } else {
    plan.pointee.packPanels = Swift.max(1, (1 << 14) / (plan.pointee.block &* plan.pointee.panel))
  }
  plan.pointee.packChunks = (panels &- 1) / plan.pointee.packPanels &+ 1
  let chunks = plan.pointee.packChunks &* blocks
  if plan.pointee.packChunks == 1 {
    for chunk in 0..<chunks { packChunk(plan, chunk) }
  } else {
    run.parallel(chunks, body, plan)
  }
}

@inline(__always)
func packChunk<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int) {
  let plan = context.pointee
  let index = plan.firstBlock &+ chunk / plan.packChunks
  let length = plan.blockLength(index)
  let out = plan.packedBlock(index)
  var j = chunk % plan.packChunks &* plan.packPanels &* plan.panel
  let end = Swift.min(plan.columns, j &+ plan.packPanels &* plan.panel)
  if plan.b.unitSteps || plan.b.loops != nil {
    while j < end {
      plan.packPanel(j, index, out + j &* length)
      j &+= plan.panel
    }
  } else {
    packPanels(
      V.self, plan.b.at(line: plan.column &+ j, step: plan.blockStart(index)), plan.b.stride,
      count: end &- j, k: length, out + j &* length)
  }
}

extension ProductPlan {
  /// Packs the panel of B that begins at `j`, over one block of k.
  @inline(__always)
  func packPanel(_ j: Int, _ index: Int, _ out: UnsafeMutablePointer<Scalar>) {
    let lanes = packedWidth(j)
    b.pack(
      line: column &+ j, count: Swift.min(panel, columns &- j), step: blockStart(index),
      k: blockLength(index), out, lanes, lanes: lanes)
  }
}

/// Computes the part of C that `plan` is working on.
@inline(__always)
func multiply<V: Vector>(
  _ plan: UnsafeMutablePointer<ProductPlan<V>>, _ alone: Bool, _ run: RunPointer, _ body: ChunkBody
) {
  let tiles = plan.pointee.tiles
  let panels = Swift.max(1, (plan.pointee.tiledColumns &+ plan.pointee.panel &- 1) / plan.pointee.panel)
  var down = chunkTiles
  var across = panels
  if !alone {
    // About 30 chunks, so that no thread waits long for the last one; none smaller than 4 tiles, and wide
    // rather than tall, because each packs its own rows of A.
    let wanted = Swift.max(4, tiles &* panels / 24)
    down = Swift.max(1, Swift.min(chunkTiles, wanted / Swift.min(panels, plan.pointee.groupPanels)))
    across = Swift.min(panels, Swift.max(1, wanted / down))
  }
  let chunksDown = (tiles &- 1) / down &+ 1
  let chunksAcross = (panels &- 1) / across &+ 1
  plan.pointee.tilesPerChunk = (tiles &- 1) / chunksDown &+ 1
  plan.pointee.panelsPerChunk = (panels &- 1) / chunksAcross &+ 1
  plan.pointee.chunksAcross = chunksAcross
  var chunks =
    plan.pointee.tiledColumns == 0 ? 0 : ((tiles &- 1) / plan.pointee.tilesPerChunk &+ 1) &* chunksAcross
  plan.pointee.tileChunks = chunks
  if plan.pointee.tiledColumns < plan.pointee.columns {
    // At least one: with a long k and few rows there would be none.
    let rows = alone ? plan.pointee.m : Swift.max(1, plan.pointee.m / 40, (1 << 14) / plan.pointee.k)
    plan.pointee.rowsPerEdgeChunk = roundUp(rows, plan.pointee.panel)
    chunks &+= (plan.pointee.m &- 1) / plan.pointee.rowsPerEdgeChunk &+ 1
  }
  if alone || chunks == 1 {
    for chunk in 0..<chunks { computeChunk(plan, chunk, 0) }
  } else {
    run.parallel(chunks, body, plan)
  }
}

@inline(never)
func computeChunk<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  switch context.pointee.division {
  case .tiles:
    let tileChunks = context.pointee.tileChunks
    if chunk < tileChunks {
      computeTiles(context, chunk, worker)
    } else {
      computeEdge(context, chunk &- tileChunks, worker)
    }
  case .blocks: computeBlock(context, chunk, worker)
  case .rows: computeRows(context, chunk, worker)
  }
}

@inline(__always)
private func computeTiles<V: Vector>(
  _ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int
) {
  let plan = context.pointee
  let down = plan.chunksAcross == 1 ? chunk : chunk / plan.chunksAcross
  let firstTile = down &* plan.tilesPerChunk
  let lastTile = Swift.min(plan.tiles, firstTile &+ plan.tilesPerChunk)
  let left = (chunk &- down &* plan.chunksAcross) &* plan.panelsPerChunk &* plan.panel
  let right = Swift.min(plan.tiledColumns, left &+ plan.panelsPerChunk &* plan.panel)
  for index in plan.firstBlock..<plan.lastBlock {
    var finish = Finish<V>(
      plan.arguments, stride: plan.cStride, first: index == 0, last: index == plan.blocks &- 1)
    plan.multiply(firstTile, lastTile, left, right, index, worker, &finish)
  }
}

extension ProductPlan {
  /// Packs the rows of some tiles over one block of k, for one worker.
  @inline(__always)
  func pack(rowsOf firstTile: Int, _ lastTile: Int, _ index: Int, _ worker: Int) {
    let start = blockStart(index)
    let length = blockLength(index)
    var out = own + worker &* workerStride
    for tile in firstTile..<lastTile {
      let row = tileRow(tile)
      let height = tileRow(tile &+ 1) &- row
      if packsLines, let loops = a.loops {
        a.packLines(loops.pointee, row, height, start, length, out)
      } else {
        a.pack(line: row, count: height, step: start, k: length, out, height, lanes: height)
      }
      out += height &* length
    }
  }

  /// Computes some tiles over one block of k, for the columns from `left` to `right`.
  @inline(never)
  func multiply(
    _ firstTile: Int, _ lastTile: Int, _ left: Int, _ right: Int, _ index: Int, _ worker: Int,
    _ finish: UnsafePointer<Finish<V>>
  ) {
    if packA { pack(rowsOf: firstTile, lastTile, index, worker) }
    if packA ? !packsLines : !a.unitSteps {
      multiply(UnitRows.self, firstTile, lastTile, left, right, index, worker, finish)
    } else {
      multiply(UnitSteps.self, firstTile, lastTile, left, right, index, worker, finish)
    }
  }

  /// A tile's rows of A stay in the first-level cache while a group of panels of B, which stays in the
  /// second, is read.
  @inline(__always)
  private func multiply<L: Layout>(
    _ layout: L.Type, _ firstTile: Int, _ lastTile: Int, _ left: Int, _ right: Int, _ index: Int,
    _ worker: Int,
    _ finish: UnsafePointer<Finish<V>>
  ) {
    let start = blockStart(index)
    let length = blockLength(index)
    let rows = UnsafePointer(own + worker &* workerStride)
    let firstRow = tileRow(firstTile)
    var group = left
    if m <= 2 && placeB == .inPlace && a.unitSteps && a.loops == nil {
      let width = (m == 1 ? 8 : 4) &* V.width
      while group &+ width <= right {
        var call = TileCall<V>(
          k: length, a: a.base + start, aStride: a.stride, b: b.at(line: column &+ group, step: start),
          bStride: b.stride, bLast: V.width, place: column &+ group, column: column &+ group,
          last: V.width)
        Tile.runWide(m, &call, finish)
        group &+= width
      }
    }
    if m == 1 && placeB == .own && a.loops == nil {
      multiplyAcross(group, right, index, finish)
      return
    }
    while group < right {
      let groupEnd = Swift.min(right, group &+ groupPanels &* panel)
      for tile in firstTile..<lastTile {
        let row = tileRow(tile)
        let height = tileRow(tile &+ 1) &- row
        var call = TileCall<V>(
          k: length, a: packA ? rows + (row &- firstRow) &* length : a.at(line: row, step: start),
          aStride: packA ? packsLines ? length : height : a.stride, b: b.base, bStride: b.stride,
          bLast: V.width, place: 0,
          column: 0, last: V.width)
        var j = group
        while j < groupEnd {
          let count = Swift.min(panel, right &- j)
          let lanes = panelWidth(V.self, count)
          let last = count &- (lanes &- V.width)
          switch placeB {
          case .inPlace:
            call.b = b.at(line: column &+ j, step: start)
            call.bLast = last
          case .packed:
            call.b = UnsafePointer(packedBlock(index) + j &* length)
            call.bStride = packedWidth(j)
          case .own:
            // Used once: packed just in time and read back from the first-level cache.
            let out = own + (worker &* workerStride &+ ownRows)
            packPanel(j, index, out)
            call.b = UnsafePointer(out)
            call.bStride = packedWidth(j)
          }
          call.place = row &* finish.pointee.stride &+ column &+ j
          call.column = column &+ j
          // The sums of a block are padded to whole vectors.
          call.last = division == .blocks ? V.width : last
          Tile.run(layout, lanes: lanes, height, &call, finish)
          j &+= panel
        }
      }
      group = groupEnd
    }
  }

  /// One row with a B that is stored transposed: blocks of B are transposed in registers, since they are used
  /// only once.
  @inline(__always)
  private func multiplyAcross(_ left: Int, _ right: Int, _ index: Int, _ finish: UnsafePointer<Finish<V>>) {
    let start = blockStart(index)
    let length = blockLength(index)
    var j = left
    while j < right {
      let count = Swift.min(panel, right &- j)
      let rows = b.at(line: column &+ j, step: start)
      var sums = (V.zero, V.zero)
      var p = 0
      while p < length {
        let columns = Swift.min(V.width, length &- p)
        let factors = a.base + (start &+ p)
        sums.0 = V.addAcross(rows + p, b.stride, count: count, columns: columns, factors, sums.0)
        if count > V.width {
          let lower = rows + (V.width &* b.stride &+ p)
          sums.1 = V.addAcross(
            lower, b.stride, count: count &- V.width, columns: columns, factors, sums.1)
        }
        p &+= V.width
      }
      let lanes = panelWidth(V.self, count)
      withUnsafeMutableBytes(of: &sums) { sums in
        finish.pointee.apply(
          sums.baseAddress.of(V.Scalar.self), 1, lanes / V.width, place: column &+ j, column: column &+ j,
          last: count &- (lanes &- V.width))
      }
      j &+= panel
    }
  }
}
