import DenpaKernelTypes

// C = A·B after Goto & van de Geijn (2008): blocks of k; panels of B packed once and shared by all workers; tiles of C in
// registers. Every element of C is added up over k in one order, block by block, which depends on k alone: the same
// row gives the same bits in a batch of any size and on any number of threads.

/// Steps of one block of k: a panel of B (two vectors wide) then stays in the first cache level.
@inline(__always) func blockLimit<V: Vector>(_: V.Type) -> Int { 256 }
/// Columns that are worked on at once, at most.
@inline(__always) var columnLimit: Int { 4096 }
/// Bytes of B that are packed at once, at most.
@inline(__always) var packLimit: Int { 8 << 20 }
/// Tiles of one chunk below each other.
@inline(__always) var chunkTiles: Int { 8 }
/// Panels of one chunk side by side.
@inline(__always) var chunkPanels: Int { 16 }
/// Multiply-adds below which the work is not divided.
@inline(__always) var inlineLimit: Int { 1 << 20 }

/// Multiply-adds up to which a product one panel wide goes without a plan.
@inline(__always) var smallLimit: Int { 1 << 16 }

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

@inline(__always) func roundUp(_ value: Int, _ unit: Int) -> Int { (value &+ unit &- 1) / unit &* unit }

/// Bytes of packed B and, for each worker, of packed A. Both grow with each of m, n and k, or stay.
@inline(__always)
private func packedBytes<V: Vector>(_: V.Type, _ m: Int, _ n: Int, _ k: Int) -> (b: Int, a: Int) {
  let size = MemoryLayout<V.Scalar>.stride
  let b = Swift.min(roundUp(n, V.width) &* k &* size, packLimit)
  let a = Swift.min(m, chunkTiles &* tileHeight) &* Swift.min(k, blockLimit(V.self)) &* size
  return (roundUp(b, 64), roundUp(a, 64))
}

@inline(__always)
func productWorkspace<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer, _ threads: Int32) -> Int {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let (m, n, k) = (p.pointee.m, p.pointee.n, p.pointee.k)
  if m <= 0 || n <= 0 || k <= 0 { return 0 }
  let bytes = packedBytes(V.self, m, n, k)
  return bytes.b &+ bytes.a &* Int(threads)
}

@inline(__always)
func product<V: Vector>(
  _: V.Type, _ arguments: UnsafeRawPointer, _ run: RunPointer, _ packBody: ChunkBody, _ computeBody: ChunkBody
) -> Int32 {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let (m, n, k) = (p.pointee.m, p.pointee.n, p.pointee.k)
  if m <= 0 || n <= 0 { return 0 }
  if k <= 0 && p.pointee.accumulate != 0 && p.pointee.bias == nil { return 0 }
  // A single row or column is stored the same way either way round.
  let transposeA = p.pointee.transposeA != 0 && m > 1 && k > 1
  let transposeB = p.pointee.transposeB != 0 && n > 1 && k > 1
  let nothing = UnsafePointer(p.pointee.c.of(V.Scalar.self))
  let a = k > 0 ? p.pointee.a.of(V.Scalar.self) : nothing
  let b = k > 0 ? p.pointee.b.of(V.Scalar.self) : nothing
  let turned = transposeA || k == 1
  if n > 1 || k <= 0 || transposeA && p.pointee.bias != nil {
    if n <= 2 &* V.width && k <= blockLimit(V.self) && m &* n &* k <= smallLimit {
      onePanel(V.self, p, m, n, k, a, b, transposeA, transposeB)
    } else {
      compute(V.self, p, m, n, k, a, b, transposeA, transposeB, run, packBody, computeBody)
    }
  } else if !turned || p.pointee.bias != nil {
    columnProduct(V.self, p, m, k, a, b)
  } else if m <= 2 &* V.width && k <= blockLimit(V.self) {
    // Cᵀ = Bᵀ·Aᵀ: one row, with a matrix that is not transposed.
    onePanel(V.self, p, 1, m, k, b, a, false, false)
  } else {
    compute(V.self, p, 1, m, k, b, a, false, false, run, packBody, computeBody)
  }
  return 0
}

/// All of C is one panel wide, and small: nothing to plan, and nothing to pack unless B is transposed.
@inline(__always)
private func onePanel<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ transposeA: Bool, _ transposeB: Bool
) {
  var finish = Finish<V>(p, n: n, first: true, last: true)
  let single = n <= V.width
  let last = single ? n : n &- V.width
  var call = TileCall<V>(
    k: k, a: a, aStride: transposeA ? m : k, b: b, bStride: n, bLast: last, place: 0, column: 0, last: last)
  if transposeB {
    let packed = p.pointee.workspace.of(V.Scalar.self)
    let lanes = panelWidth(V.self, n)
    packAcross(V.self, b, k, count: n, k: k, packed, lanes, lanes: lanes)
    call.b = UnsafePointer(packed)
    call.bStride = lanes
    call.bLast = V.width
  }
  var rows = m
  var tiles = m <= tileHeight ? 1 : (m &+ tileHeight &- 1) / tileHeight
  while rows > 0 {
    let height = tiles == 1 ? rows : (rows &+ tiles &- 1) / tiles
    switch (single, transposeA) {
    case (true, true): Tile.run(Single<V>.self, UnitRows.self, height, call, &finish)
    case (true, false): Tile.run(Single<V>.self, UnitSteps.self, height, call, &finish)
    case (false, true): Tile.run(Two<V>.self, UnitRows.self, height, call, &finish)
    case (false, false): Tile.run(Two<V>.self, UnitSteps.self, height, call, &finish)
    }
    call.a += transposeA ? height : height &* k
    call.place &+= height &* n
    rows &-= height
    tiles &-= 1
  }
}

@inline(never)
private func compute<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ transposeA: Bool, _ transposeB: Bool,
  _ run: RunPointer, _ packBody: ChunkBody, _ computeBody: ChunkBody
) {
  let limit = blockLimit(V.self)
  let blocks = Swift.max(1, (k &+ limit &- 1) / limit)
  let bytes = packedBytes(V.self, m, n, k)
  let tiles = (m &+ tileHeight &- 1) / tileHeight
  let height = tiles == 1 ? m : m / tiles
  let workspace = p.pointee.workspace ?? UnsafeMutableRawPointer(p.pointee.c.of(V.Scalar.self))
  var plan = ProductPlan<V>(
    arguments: p, m: m, n: n, k: k, a: a, b: b, transposeA: transposeA, transposeB: transposeB,
    packA: n >= 128 && m > 1, packB: transposeB || m >= 64 && k &* n >= 1 << 16,
    block: blocks == 1 ? k : (k &+ blocks &- 1) / blocks, blocks: blocks,
    tiles: tiles, height: height, tallTiles: m &- tiles &* height,
    packedB: workspace.assumingMemoryBound(to: V.Scalar.self),
    packedA: (workspace + bytes.b).assumingMemoryBound(to: V.Scalar.self),
    workerStride: bytes.a / MemoryLayout<V.Scalar>.stride)
  let alone = m &* n &* k < inlineLimit
  while plan.column < n {
    plan.columns = Swift.min(columnLimit, n &- plan.column)
    let blockBytes = plan.block &* plan.packedColumns &* MemoryLayout<V.Scalar>.stride
    let together = plan.packB && blocks > 1 ? Swift.max(1, packLimit / blockBytes) : blocks
    plan.firstBlock = 0
    while plan.firstBlock < blocks {
      plan.lastBlock = Swift.min(blocks, plan.firstBlock &+ together)
      withUnsafeMutablePointer(to: &plan) { plan in
        if plan.pointee.packB { pack(plan, run, packBody) }
        multiply(plan, alone, run, computeBody)
      }
      plan.firstBlock = plan.lastBlock
    }
    plan.column &+= plan.columns
  }
}

/// Packs all of B that `plan` is at.
@inline(__always)
private func pack<V: Vector>(_ plan: UnsafeMutablePointer<ProductPlan<V>>, _ run: RunPointer, _ body: ChunkBody) {
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
private func multiply<V: Vector>(
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

@inline(__always)
func computeChunk<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  chunkOfTiles(context, chunk, worker)
}

@inline(never)
private func chunkOfTiles<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
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
        let call = TileCall<V>(
          k: length, a: a + start, aStride: k, b: b + (start &* n &+ column &+ j), bStride: n, bLast: V.width,
          place: column &+ j, column: column &+ j, last: V.width)
        Tile.runWide(m, call, finish)
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
        let call = TileCall<V>(
          k: length, a: own, aStride: packA ? height : transposeA ? m : k,
          b: packB ? UnsafePointer(packedBlock(index) + j &* length) : b + (start &* n &+ column &+ j),
          bStride: packB ? lanes : n, bLast: packB ? V.width : last,
          place: row &* n &+ column &+ j, column: column &+ j, last: last)
        if lanes == V.width {
          Tile.run(Single<V>.self, layout, height, call, finish)
        } else {
          Tile.run(Two<V>.self, layout, height, call, finish)
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
