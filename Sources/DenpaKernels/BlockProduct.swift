import DenpaKernelTypes

// A small C with a long k has few tiles, so the threads divide the blocks of k instead. Each block's sums are
// stored separately and added to C in the order in which one thread would have added them, so the bits are
// the same.

/// The number of tiles of C up to which blocks are divided instead.
@inline(__always) private var fewTiles: Int { 16 }
/// The number of blocks from which this pays.
@inline(__always) private var manyBlocks: Int { 4 }

@inline(__always)
func dividesBlocks<V: Vector>(_: V.Type, n: Int, blocks: Int, tiles: Int) -> Bool {
  blocks >= manyBlocks && tiles <= fewTiles && (n &- 1) / (2 &* V.width) &+ 1 <= fewTiles / tiles
}

/// Returns the bytes for the sums of all blocks. Monotonic in m, n and k.
@inline(__always)
func blockSumBytes<V: Vector>(_: V.Type, _ m: Int, _ n: Int, _ k: Int) -> Int {
  let blocks = blockCount(V.self, k)
  if blocks < manyBlocks { return 0 }
  let most = fewTiles &* tileHeight &* 2 &* V.width
  let elements = Swift.min(Swift.min(m, most) &* roundUp(Swift.min(n, most), V.width), most)
  return roundUp(elements &* blocks &* MemoryLayout<V.Scalar>.stride, 64)
}

@inline(never)
func blockProduct<V: Vector>(
  _ plan: inout ProductPlan<V>, _ run: RunPointer, _ packBody: ChunkBody, _ computeBody: ChunkBody
) {
  plan.division = .blocks
  plan.columns = plan.n
  plan.tiledColumns = plan.n
  let together = plan.blocksTogether
  while plan.firstBlock < plan.blocks {
    plan.lastBlock = Swift.min(plan.blocks, plan.firstBlock &+ together)
    withUnsafeMutablePointer(to: &plan) { plan in
      if plan.pointee.placeB == .packed { pack(plan, run, packBody) }
      run.parallel(plan.pointee.lastBlock &- plan.pointee.firstBlock, computeBody, plan)
    }
    plan.firstBlock = plan.lastBlock
  }
  let vectors = plan.packedColumns / V.width
  let last = plan.n &- (vectors &- 1) &* V.width
  for index in 0..<plan.blocks {
    let finish = Finish<V>(
      plan.arguments, stride: plan.cStride, first: index == 0, last: index == plan.blocks &- 1)
    finish.apply(plan.blockSums(index), plan.m, vectors, place: 0, column: 0, last: last)
  }
}

/// Computes the sums of one block of k.
@inline(__always)
func computeBlock<V: Vector>(_ context: UnsafeMutablePointer<ProductPlan<V>>, _ chunk: Int, _ worker: Int) {
  let plan = context.pointee
  let index = plan.firstBlock &+ chunk
  var finish = Finish<V>(sums: plan.blockSums(index), stride: plan.packedColumns)
  // A worker has room for the rows of so many tiles.
  var tile = 0
  while tile < plan.tiles {
    let end = Swift.min(plan.tiles, tile &+ chunkTiles)
    plan.multiply(tile, end, 0, plan.columns, index, worker, &finish)
    tile = end
  }
}

extension ProductPlan {
  /// Returns the address of a block's sums, rows of whole vectors.
  @inline(__always)
  fileprivate func blockSums(_ index: Int) -> UnsafeMutablePointer<Scalar> {
    sums + index &* m &* packedColumns
  }
}

extension Finish {
  /// C = sums, and nothing else.
  @inline(__always)
  init(sums: UnsafeMutablePointer<V.Scalar>, stride: Int) {
    c = sums
    self.stride = stride
  }
}
