import DenpaKernelTypes

/// Everything that the chunks of a product share; lives on the caller's stack.
struct ProductPlan<V: Vector> {
  typealias Scalar = V.Scalar
  var arguments: UnsafePointer<ProductArguments>
  var m: Int, n: Int, k: Int
  var a: UnsafePointer<Scalar>
  var b: UnsafePointer<Scalar>
  var transposeA: Bool
  var transposeB: Bool
  var packA: Bool
  var packB: Bool
  /// Steps of a block of k, and how many blocks there are.
  var block: Int
  var blocks: Int
  /// The blocks and columns that are being worked on.
  var firstBlock = 0
  var lastBlock = 0
  var column = 0
  var columns = 0
  /// Rows are divided into tiles of almost the same height: this one, and one more in the first `tallTiles`.
  var tiles: Int
  var height: Int
  var tallTiles: Int
  /// Tiles and panels in a chunk; chunks beside each other.
  var tilesPerChunk = 1
  var panelsPerChunk = 1
  var chunksAcross = 1
  /// Panels in a chunk of packing; such chunks for one block.
  var packPanels = 1
  var packChunks = 1
  var packedB: UnsafeMutablePointer<Scalar>
  var packedA: UnsafeMutablePointer<Scalar>
  /// Elements of packed A for each worker.
  var workerStride: Int

  @inline(__always) var panel: Int { 2 &* V.width }
  @inline(__always) func blockStart(_ index: Int) -> Int { index &* block }
  @inline(__always) func blockLength(_ index: Int) -> Int { Swift.min(block, k &- index &* block) }
  /// The first row of a tile.
  @inline(__always) func tileRow(_ tile: Int) -> Int { tile &* height &+ Swift.min(tile, tallTiles) }
  /// Columns of the packed matrix: whole vectors at the right edge.
  @inline(__always) var packedColumns: Int { roundUp(columns, V.width) }
  @inline(__always) func packedBlock(_ index: Int) -> UnsafeMutablePointer<Scalar> {
    packedB + (index &- firstBlock) &* block &* packedColumns
  }
}

/// Packs all of B that `plan` is at.
@inline(__always)
func pack<V: Vector>(_ plan: UnsafeMutablePointer<ProductPlan<V>>, _ run: RunPointer, _ body: ChunkBody) {
  let panels = (plan.pointee.columns &- 1) / plan.pointee.panel &+ 1
  let blocks = plan.pointee.lastBlock &- plan.pointee.firstBlock
  if plan.pointee.block &* plan.pointee.columns &* blocks < 1 << 16 {
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
  let start = plan.blockStart(index)
  let k = plan.blockLength(index)
  let out = plan.packedBlock(index)
  var j = chunk % plan.packChunks &* plan.packPanels &* plan.panel
  let end = Swift.min(plan.columns, j &+ plan.packPanels &* plan.panel)
  while j < end {
    let count = Swift.min(plan.panel, plan.columns &- j)
    let lanes = panelWidth(V.self, count)
    let column = plan.column &+ j
    if plan.transposeB {
      packAcross(
        V.self, plan.b + (column &* plan.k &+ start), plan.k, count: count, k: k,
        out + j &* k, lanes, lanes: lanes)
    } else {
      packAlong(
        V.self, plan.b + (start &* plan.n &+ column), plan.n, count: count, k: k,
        out + j &* k, lanes, lanes: lanes)
    }
    j &+= plan.panel
  }
}

/// Computes all of C that `plan` is at.
@inline(__always)
func multiply<V: Vector>(
  _ plan: UnsafeMutablePointer<ProductPlan<V>>, _ alone: Bool, _ run: RunPointer, _ body: ChunkBody
) {
  let tiles = plan.pointee.tiles
  let panels = (plan.pointee.columns &- 1) / plan.pointee.panel &+ 1
  var tilesPerChunk = chunkTiles
  var panelsPerChunk = Swift.min(panels, chunkPanels)
  if !alone {
    // About 24 chunks, none smaller than 4 tiles.
    let wanted = Swift.max(4, tiles &* panels / 24)
    panelsPerChunk = Swift.min(panelsPerChunk, wanted)
    tilesPerChunk = Swift.max(1, Swift.min(chunkTiles, wanted / panelsPerChunk))
  }
  plan.pointee.tilesPerChunk = tilesPerChunk
  plan.pointee.panelsPerChunk = panelsPerChunk
  plan.pointee.chunksAcross = (panels &- 1) / panelsPerChunk &+ 1
  let chunks = ((tiles &- 1) / tilesPerChunk &+ 1) &* plan.pointee.chunksAcross
  if alone || chunks == 1 {
    for chunk in 0..<chunks { computeChunk(plan, chunk, 0) }
  } else {
    run.parallel(chunks, body, plan)
  }
}

@inline(never)
func computeChunk<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  let plan = context.pointee
  let down = plan.chunksAcross == 1 ? chunk : chunk / plan.chunksAcross
  let firstTile = down &* plan.tilesPerChunk
  let lastTile = Swift.min(plan.tiles, firstTile &+ plan.tilesPerChunk)
  let left = (chunk &- down &* plan.chunksAcross) &* plan.panelsPerChunk &* plan.panel
  let right = Swift.min(plan.columns, left &+ plan.panelsPerChunk &* plan.panel)
  for index in plan.firstBlock..<plan.lastBlock {
    var finish = Finish<V>(plan.arguments, n: plan.n, first: index == 0, last: index == plan.blocks &- 1)
    if plan.packA {
      plan.pack(rowsOf: firstTile, lastTile, index, worker)
      plan.multiply(UnitRows.self, firstTile, lastTile, left, right, index, worker, &finish)
    } else if plan.transposeA {
      plan.multiply(UnitRows.self, firstTile, lastTile, left, right, index, worker, &finish)
    } else {
      plan.multiply(UnitSteps.self, firstTile, lastTile, left, right, index, worker, &finish)
    }
  }
}

extension ProductPlan {
  /// Packs the rows of some tiles over one block of k, for one worker.
  @inline(__always)
  func pack(rowsOf firstTile: Int, _ lastTile: Int, _ index: Int, _ worker: Int) {
    let start = blockStart(index)
    let length = blockLength(index)
    var out = packedA + worker &* workerStride
    for tile in firstTile..<lastTile {
      let row = tileRow(tile)
      let height = tileRow(tile &+ 1) &- row
      if transposeA {
        packAlong(V.self, a + (start &* m &+ row), m, count: height, k: length, out, height, lanes: height)
      } else {
        packAcross(V.self, a + (row &* k &+ start), k, count: height, k: length, out, height, lanes: height)
      }
      out += height &* length
    }
  }

  /// The tiles of one chunk over one block of k.
  @inline(__always)
  func multiply<L: Layout>(
    _ layout: L.Type, _ firstTile: Int, _ lastTile: Int, _ left: Int, _ right: Int, _ index: Int, _ worker: Int,
    _ finish: UnsafePointer<Finish<V>>
  ) {
    let start = blockStart(index)
    let length = blockLength(index)
    let packed = packedA + worker &* workerStride
    let firstRow = tileRow(firstTile)
    var j = left
    if m <= 2 && !packB && !transposeA {
      let width = (m == 1 ? 8 : 4) &* V.width
      while j &+ width <= right {
        var call = TileCall<V>(
          k: length, a: a + start, aStride: k, b: b + (start &* n &+ column &+ j), bStride: n, bLast: V.width,
          place: column &+ j, column: column &+ j, last: V.width)
        Tile.runWide(m, &call, finish)
        j &+= width
      }
    }
    while j < right {
      let count = Swift.min(panel, columns &- j)
      let lanes = panelWidth(V.self, count)
      let last = count &- (lanes &- V.width)
      for tile in firstTile..<lastTile {
        let row = tileRow(tile)
        let height = tileRow(tile &+ 1) &- row
        let own = packA ? UnsafePointer(packed + (row &- firstRow) &* length) : inPlace(row, start)
        var call = TileCall<V>(
          k: length, a: own, aStride: packA ? height : transposeA ? m : k,
          b: packB ? UnsafePointer(packedBlock(index) + j &* length) : b + (start &* n &+ column &+ j),
          bStride: packB ? lanes : n, bLast: packB ? V.width : last,
          place: row &* n &+ column &+ j, column: column &+ j, last: last)
        if lanes == V.width {
          Tile.run(Single<V>.self, layout, height, &call, finish)
        } else {
          Tile.run(Two<V>.self, layout, height, &call, finish)
        }
      }
      j &+= panel
    }
  }

  @inline(__always)
  func inPlace(_ row: Int, _ step: Int) -> UnsafePointer<Scalar> {
    transposeA ? a + (step &* m &+ row) : a + (row &* k &+ step)
  }
}
