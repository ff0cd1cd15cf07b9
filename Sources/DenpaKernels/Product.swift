import DenpaKernelTypes

// C = A·B after Goto & van de Geijn (2008): blocks of k; panels of B packed once and shared by all workers;
// tiles of C in registers. Every element of C is summed over k block by block, in an order that depends on k
// alone: a row gives the same bits in a batch of any size and on any number of threads.

/// The maximum steps of one block of k: a tile's rows of A then stay in the first-level cache, or almost,
/// along with the panel of B being read.
@inline(__always) func blockLimit<V: Vector>(_: V.Type) -> Int { V.isDouble ? 256 : 384 }
/// The maximum number of columns worked on at once.
@inline(__always) var columnLimit: Int { 4096 }
/// The maximum bytes of B packed at once.
@inline(__always) var packLimit: Int { 8 << 20 }
/// The maximum tiles of one chunk, vertically.
@inline(__always) var chunkTiles: Int { 8 }
/// The bytes of B over one block of k that should stay in the second-level cache.
@inline(__always) var groupLimit: Int { 512 << 10 }
/// The multiply-adds below which the work is not divided.
@inline(__always) var inlineLimit: Int { 1 << 19 }

/// The multiply-adds up to which a product one panel wide needs no plan.
@inline(__always) var smallLimit: Int { 1 << 16 }

@inline(__always) func roundUp(_ value: Int, _ unit: Int) -> Int { (value &+ unit &- 1) / unit &* unit }

/// Returns the bytes of the workspace's parts: packed B; each worker's memory (rows of A; a panel of B, or of
/// A for the edge, and the edge's sums); the sums of each block of k (BlockProduct.swift). Each is monotonic
/// in m, n and k.
@inline(__always)
private func workspaceBytes<V: Vector>(_: V.Type, _ m: Int, _ n: Int, _ k: Int) -> (
  b: Int, rows: Int, panel: Int, sums: Int
) {
  let size = MemoryLayout<V.Scalar>.stride
  let block = Swift.min(k, blockLimit(V.self))
  let b = Swift.min(roundUp(n, V.width) &* k &* size, packLimit)
  let rows = Swift.min(m, chunkTiles &* tileHeight) &* block &* size
  let panel = (2 &* V.width &* block &+ edgeElements(V.self)) &* size
  return (roundUp(b, 64), roundUp(rows, 64), roundUp(panel, 64), blockSumBytes(V.self, m, n, k))
}

@inline(__always)
func productWorkspace<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer, _ threads: Int32) -> Int {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let (m, n, k) = (p.pointee.m, p.pointee.n, p.pointee.k)
  if m <= 0 || n <= 0 || k <= 0 { return 0 }
  let bytes = workspaceBytes(V.self, m, n, k)
  return bytes.b &+ bytes.sums &+ (bytes.rows &+ bytes.panel) &* Int(threads)
}

@inline(__always)
func product<V: Vector>(
  _: V.Type, _ arguments: UnsafeRawPointer, _ run: RunPointer, _ packBody: ChunkBody, _ computeBody: ChunkBody
) -> Int32 {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let (m, n, k) = (p.pointee.m, p.pointee.n, p.pointee.k)
  // First, because whatever is decided before a product of a few units costs as much as the product.
  if n > 1 && m > 0 && k > 0 && isSmall(V.self, p, m, n, k) {
    onePanel(
      V.self, p, m, n, k, p.pointee.a.of(V.Scalar.self), p.pointee.aStride, p.pointee.b.of(V.Scalar.self),
      p.pointee.bStride, unitA: p.pointee.transposeA == 0, unitB: p.pointee.transposeB != 0)
  } else {
    anyProduct(V.self, p, run, packBody, computeBody)
  }
  return 0
}

/// Returns whether C is one panel wide and needs no plan.
@inline(__always)
private func isSmall<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ n: Int, _ k: Int
) -> Bool {
  n <= 2 &* V.width && k <= blockLimit(V.self) && m &* n &* k <= smallLimit && p.pointee.aLoops == nil
    && p.pointee.bLoops == nil
}

@inline(never)
private func anyProduct<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ run: RunPointer, _ packBody: ChunkBody,
  _ computeBody: ChunkBody
) {
  var (m, n) = (p.pointee.m, p.pointee.n)
  let k = p.pointee.k
  if m <= 0 || n <= 0 { return }
  if k <= 0 && p.pointee.accumulate != 0 && p.pointee.bias == nil { return }
  let nothing = UnsafePointer(p.pointee.c.of(V.Scalar.self))
  var a = Operand<V>(
    base: k > 0 ? p.pointee.a.of(V.Scalar.self) : nothing, unitSteps: p.pointee.transposeA == 0,
    stride: p.pointee.aStride, loops: p.pointee.aLoops)
  var b = Operand<V>(
    base: k > 0 ? p.pointee.b.of(V.Scalar.self) : nothing, unitSteps: p.pointee.transposeB != 0,
    stride: p.pointee.bStride, loops: p.pointee.bLoops)
  let isPlain = a.loops == nil && b.loops == nil
  if n == 1 && k > 0 {
    if (!a.unitSteps || k == 1 && a.stride == 1) && p.pointee.bias == nil && isPlain {
      // Cᵀ = Bᵀ·Aᵀ: one row, with a matrix that is not transposed.
      (m, n) = (1, m)
      (a.base, b.base) = (b.base, a.base)
      (a.unitSteps, b.unitSteps) = (true, false)
      b.stride = k == 1 ? n : a.stride
    } else if a.unitSteps {
      columnProduct(V.self, p, m, k, a, b, run, computeBody)
      return
    }
  }
  if k > 0 && isSmall(V.self, p, m, n, k) {
    onePanel(V.self, p, m, n, k, a.base, a.stride, b.base, b.stride, unitA: a.unitSteps, unitB: b.unitSteps)
  } else {
    compute(V.self, p, m, n, k, a, b, run, packBody, computeBody)
  }
}

/// Computes a small C that is one panel wide: no plan, and no packing unless B is transposed.
@inline(__always)
private func onePanel<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafePointer<V.Scalar>, _ aStride: Int, _ b: UnsafePointer<V.Scalar>, _ bStride: Int, unitA: Bool,
  unitB: Bool
) {
  var finish = Finish<V>(p, stride: p.pointee.cStride, first: true, last: true)
  let lanes = panelWidth(V.self, n)
  let last = n &- (lanes &- V.width)
  var call = TileCall<V>(
    k: k, a: a, aStride: aStride, b: b, bStride: bStride, bLast: last, place: 0, column: 0,
    last: last)
  if unitB {
    let packed = p.pointee.workspace.of(V.Scalar.self)
    packSmall(V.self, b, bStride, n, k, packed, lanes)
    call.b = UnsafePointer(packed)
    call.bStride = lanes
    call.bLast = V.width
  }
  var rows = m
  var tiles = m <= tileHeight ? 1 : (m &+ tileHeight &- 1) / tileHeight
  while rows > 0 {
    let height = tiles == 1 ? rows : (rows &+ tiles &- 1) / tiles
    if unitA {
      Tile.run(UnitSteps.self, lanes: lanes, height, &call, &finish)
    } else {
      Tile.run(UnitRows.self, lanes: lanes, height, &call, &finish)
    }
    call.a += unitA ? height &* call.aStride : height
    call.place &+= height &* finish.stride
    rows &-= height
    tiles &-= 1
  }
}

/// Not inlined: a product that needs no packing would otherwise save the registers that packing uses.
@inline(never)
private func packSmall<V: Vector>(
  _: V.Type, _ b: UnsafePointer<V.Scalar>, _ bStride: Int, _ n: Int, _ k: Int,
  _ packed: UnsafeMutablePointer<V.Scalar>, _ lanes: Int
) {
  packAcross(V.self, b, bStride, count: n, k: k, packed, lanes, lanes: lanes)
}

@inline(never)
private func compute<V: Vector>(
  _: V.Type, _ p: UnsafePointer<ProductArguments>, _ m: Int, _ n: Int, _ k: Int, _ a: Operand<V>,
  _ b: Operand<V>, _ run: RunPointer, _ packBody: ChunkBody, _ computeBody: ChunkBody
) {
  let size = MemoryLayout<V.Scalar>.stride
  let blocks = blockCount(V.self, k)
  let block = blocks == 1 ? k : (k &+ blocks &- 1) / blocks
  let bytes = workspaceBytes(V.self, m, n, k)
  let tiles = (m &+ tileHeight &- 1) / tileHeight
  let height = tiles == 1 ? m : m / tiles
  let alone = m &* n &* k < inlineLimit || run.threads == 1
  let byBlocks = !alone && dividesBlocks(V.self, n: n, blocks: blocks, tiles: tiles)
  let edge = byBlocks ? 0 : edgeColumns(V.self, m, n, k, packsA: a.unitSteps || a.loops != nil)
  let workspace = p.pointee.workspace ?? UnsafeMutableRawPointer(p.pointee.c.of(V.Scalar.self))
  let place =
    b.loops != nil ? PlaceB.packed : edge == n ? .inPlace : placeOfB(m, n, k, b.unitSteps, tiles, V.width)
  // If B is not packed, its room may be missing: a column computed as a row was planned as a column.
  let sums = workspace + (place == .packed ? bytes.b : 0)
  var plan = ProductPlan<V>(
    arguments: p, m: m, n: n, k: k, a: a, b: b, cStride: p.pointee.cStride,
    packA: a.loops != nil || packsA(V.self, m, n, k), placeB: place,
    block: block, blocks: blocks, tiles: tiles, height: height, tallTiles: m &- tiles &* height,
    packedB: workspace.assumingMemoryBound(to: V.Scalar.self),
    own: (sums + bytes.sums).assumingMemoryBound(to: V.Scalar.self), ownRows: bytes.rows / size,
    workerStride: (bytes.rows &+ bytes.panel) / size, sums: sums.assumingMemoryBound(to: V.Scalar.self),
    groupPanels: Swift.max(1, groupLimit / Swift.max(1, block &* 2 &* V.width &* size)))
  plan.edge = edge
  if let loops = a.loops, !packsA(V.self, m, n, k) { plan.packsLines = loops.pointee.hasUnitSteps(V.width) }
  if byBlocks {
    blockProduct(&plan, run, packBody, computeBody)
    return
  }
  while plan.column < n {
    plan.columns = Swift.min(columnLimit, n &- plan.column)
    plan.tiledColumns = plan.columns &- (plan.column &+ plan.columns == n ? edge : 0)
    let together = plan.blocksTogether
    plan.firstBlock = 0
    while plan.firstBlock < blocks {
      plan.lastBlock = Swift.min(blocks, plan.firstBlock &+ together)
      withUnsafeMutablePointer(to: &plan) { plan in
        if plan.pointee.placeB == .packed { pack(plan, run, packBody) }
        multiply(plan, alone, run, computeBody)
      }
      plan.firstBlock = plan.lastBlock
    }
    plan.column &+= plan.columns
  }
}

/// Returns the number of blocks of k, which determines each element's order of summation.
@inline(__always)
func blockCount<V: Vector>(_: V.Type, _ k: Int) -> Int {
  let limit = blockLimit(V.self)
  return Swift.max(1, (k &+ limit &- 1) / limit)
}

/// Packing pays if enough panels read the rows.
@inline(__always)
private func packsA<V: Vector>(_: V.Type, _ m: Int, _ n: Int, _ k: Int) -> Bool { m > 1 && n >= 8 &* V.width }

/// Packing B pays if enough tiles read it.
@inline(__always)
private func placeOfB(_ m: Int, _ n: Int, _ k: Int, _ transposed: Bool, _ tiles: Int, _ width: Int) -> PlaceB
{
  if transposed { return tiles == 1 ? .own : .packed }
  return m >= 64 && (k &* n >= packFrom || n % width != 0) ? .packed : .inPlace
}
/// The elements below which a B of whole vectors is fast enough unpacked, in the first-level cache.
@inline(__always) private var packFrom: Int { 1 << 13 }
