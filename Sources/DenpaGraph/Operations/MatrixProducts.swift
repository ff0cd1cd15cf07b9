import DenpaCore
import DenpaKernelTypes

/// y = a·b for each pair of matrices in the last two axes of a and b. Axes before them are broadcast: an axis
/// of one index, or one that is missing behind the batch, is repeated. Reads a and b, which may be any views.
struct MatrixProductsOperation: Operation {
  var transposeA = false
  var transposeB = false

  func adds(to destination: Int) -> Bool { true }
  func readsViews(_ read: Int) -> Bool { true }

  /// Those of one product.
  private func factors(_ op: Op, _ sizes: Sizes) -> Factors {
    func matrix(_ layout: Layout) -> Matrix {
      let rank = layout.extents.count
      return Matrix(layout, rows: (rank - 2)..<(rank - 1), columns: (rank - 1)..<rank)
    }
    return Factors(
      a: matrix(sizes.layout(op.reads[0])), b: matrix(sizes.layout(op.reads[1])), transposeA: transposeA,
      transposeB: transposeB)
  }

  /// Small products are divided among the threads as a whole, large ones each in itself. Returns which it is,
  /// and the bytes that a thread, or all of them together, work in.
  private func division(_ product: inout ProductArguments, _ sizes: Sizes) -> (isWhole: Bool, bytes: Int) {
    let isSmall = product.m * product.n * product.k <= MatrixProductsOperation.largestWhole
    let isWhole = isSmall || sizes.threads == 1
    return (isWhole, Arena.aligned(sizes.kernels.productWorkspace(&product, isWhole ? 1 : sizes.threads)))
  }

  /// Multiply-adds of a product that one thread computes.
  private static let largestWhole = 1 << 18

  func workspace(_ op: Op, _ sizes: Sizes) -> Int {
    var product = factors(op, sizes).sizes
    let (isWhole, bytes) = division(&product, sizes)
    return isWhole ? bytes * Int(sizes.threads) : bytes
  }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double {
    guard let destination = op.writes[0] else { return 0 }
    return 2 * Double(sizes.count(destination.tensor)) * Double(factors(op, sizes).sizes.k)
  }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let sizes = lowering.sizes
    let type = sizes.type(destination.tensor)
    var product = try factors(op, sizes).arguments(&lowering)
    var arguments = MatrixProductsArguments(step: sizes.kernels[.product])
    (arguments.isWhole, arguments.workspaceBytes) = division(&product, sizes)
    arguments.workspace = try lowering.workspace(op)
    product.flag = lowering.flag(destination)
    arguments.product = product
    arguments.elementBytes = type.dtype.size
    let outer = Array(type.shape.array.dropLast(2))
    arguments.count = outer.reduce(1, *)
    let loops = Loops(outer, op.reads.map { MatrixProductsOperation.strides(sizes.layout($0), outer) })
    (arguments.axes, arguments.axisCount) = try lowering.reserve(pairs: loops)
    try lowering.emit(
      matrixProductsStep, arguments,
      [
        (\MatrixProductsArguments.a, op.reads[0]), (\MatrixProductsArguments.b, op.reads[1]),
        (\MatrixProductsArguments.c, destination.tensor),
      ], accumulate: (\MatrixProductsArguments.accumulate, destination))
  }

  /// The elements of an operand from one matrix to the next, along each of the result's axes before the last
  /// two.
  private static func strides(_ layout: Layout, _ outer: [Int]) -> [Int] {
    let missing = outer.count - (layout.extents.count - 2)
    return outer.indices.map { axis in
      // The batch is in front; the other axes are aligned at the end.
      let place = axis == 0 ? 0 : axis - missing
      return axis > 0 && place < 1 || layout.extents[place] != outer[axis] ? 0 : layout.strides[place]
    }
  }
}

extension Recipe {
  /// y = a·b for each pair of matrices in the last two axes, the axes before them broadcast.
  public func products(_ a: Tensor, _ b: Tensor, into y: Tensor) {
    emit(
      MatrixProductsOperation(transposeA: a.transposed, transposeB: b.transposed), [a, b], y)
  }
}

private struct MatrixProductsArguments {
  let step: Step
  /// One of the products, but for its pointers.
  var product = ProductArguments()
  var elementBytes = 0
  /// How many products, and the loops over them.
  var count = 0
  var axes: UnsafePointer<PairAxis>?
  var axisCount = 0
  var accumulate: Int32 = 0
  var a: UnsafeRawPointer?
  var b: UnsafeRawPointer?
  var c: UnsafeMutableRawPointer?
  /// Each product is computed by one thread.
  var isWhole = false
  /// Of each worker.
  var workspaceBytes = 0
  var workspace: UnsafeMutableRawPointer?

  init(step: @escaping Step) { self.step = step }

  /// Computes the products of a chunk.
  func run(_ products: Range<Int>, _ workspace: UnsafeMutableRawPointer?, _ run: UnsafeMutableRawPointer) {
    guard let axes, let a, let b, let c else { return }
    var product = product
    product.accumulate = accumulate
    product.workspace = workspaceBytes > 0 ? workspace : nil
    let bytes = product.m * product.n * elementBytes
    for index in products {
      var rest = index, first = 0, second = 0
      for axis in stride(from: axisCount - 1, through: 0, by: -1) {
        let place = rest % axes[axis].extent
        rest /= axes[axis].extent
        first += place * axes[axis].a
        second += place * axes[axis].b
      }
      product.a = a + first * elementBytes
      product.b = b + second * elementBytes
      product.c = c + index * bytes
      _ = step(&product, run)
    }
  }
}

/// What the chunks of one call share; on the caller's stack.
private struct MatrixProductsContext {
  var arguments: UnsafePointer<MatrixProductsArguments>
  var perChunk: Int
  /// Runs in the thread that it is given to.
  var run: Run
}

private let matrixProductsStep: Step = { arguments, run in
  let a = arguments.assumingMemoryBound(to: MatrixProductsArguments.self)
  let current = run.assumingMemoryBound(to: Run.self)
  let count = a.pointee.count
  guard a.pointee.isWhole, current.pointee.threads > 1, count > 1 else {
    a.pointee.run(0..<count, a.pointee.workspace, run)
    return 0
  }
  let work = a.pointee.product.m * a.pointee.product.n * a.pointee.product.k
  let perChunk = max(1, (1 << 18) / max(work, 1))
  var own = current.pointee
  own.parallel = Run.inline
  own.threads = 1
  var context = MatrixProductsContext(arguments: a, perChunk: perChunk, run: own)
  current.pointee.parallel(
    run, Int32((count - 1) / perChunk + 1),
    { context, chunk, worker in
      let shared = context.assumingMemoryBound(to: MatrixProductsContext.self).pointee
      let a = shared.arguments.pointee
      let first = Int(chunk) * shared.perChunk
      var run = shared.run
      a.run(
        first..<min(first + shared.perChunk, a.count),
        a.workspace.map { $0 + Int(worker) * a.workspaceBytes }, &run)
    }, &context)
  return 0
}
