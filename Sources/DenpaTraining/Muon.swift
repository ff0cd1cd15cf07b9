import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Muon: v ← momentum·v + (1 − momentum)·g; u = (1 − momentum)·g + momentum·v with Nesterov's momentum, otherwise
/// v; w ← (1 − learning_rate·weight_decay)·w − learning_rate·√max(1, columns / rows)·O(u), where O replaces
/// the singular values of u by ones, or almost: `iterations` Newton–Schulz steps bring them to 0.7 … 1.2.
///
/// A parameter with more than one axis is a matrix with a column for each unit: a dense layer's W (inputs,
/// units), a kernel (height·width·channels, filters). Vectors, and groups with `orthogonal` false (embeddings,
/// the last layer), are trained by AdamW with `vector_learning_rate`, β₁ 0.9 and β₂ 0.95. Source: Jordan et
/// al., 2024, with a root of columns / rows because W is stored as (inputs, units).
struct Muon: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "muon",
    summary:
      "Steps of matrices are made orthogonal by Newton–Schulz iterations; vectors are trained by AdamW.",
    details:
      "Jordan et al., \"Muon: An Optimizer for Hidden Layers in Neural Networks\", 2024. Use groups with orthogonal false for embeddings and the last layer.",
    attributes: [
      .learningRate(0.02),
      AttributeSpec(
        "momentum", .float, default: .float(0.95), minimum: 0, maximum: 0.999_999, "How much of v is kept."),
      AttributeSpec("nesterov", .bool, default: .bool(true), "Look ahead along v."),
      .weightDecay(0, "Subtracted from a weight as learning_rate·weight_decay·w."),
      AttributeSpec(
        "iterations", .int, default: .int(5), minimum: 1, maximum: 20, "The Newton–Schulz steps."),
      AttributeSpec(
        "orthogonal", .bool, default: .bool(true), "False: a group is trained by AdamW like vectors."),
      AttributeSpec(
        "vector_learning_rate", .float, default: .float(0.0003), minimum: 0, maximum: 1e30,
        "The step size of AdamW. It changes with the learning rate."),
    ]
  ) { (attributes) throws(DenpaError) in
    Muon(
      learningRate: attributes.float("learning_rate"), momentum: attributes.float("momentum"),
      nesterov: attributes.bool("nesterov"), weightDecay: attributes.float("weight_decay"),
      iterations: attributes.int("iterations"), orthogonal: attributes.bool("orthogonal"),
      vectorLearningRate: attributes.float("vector_learning_rate"))
  }

  let learningRate: Double
  let momentum: Double
  let nesterov: Bool
  let weightDecay: Double
  let iterations: Int
  let orthogonal: Bool
  let vectorLearningRate: Double

  var isElementwise: Bool { false }

  /// AdamW keeps two tensors; a matrix uses the first one only, and its second is empty.
  var state: [OptimizerState] {
    let isOrthogonal = orthogonal
    return [
      OptimizerState("first"),
      OptimizerState("second", shape: { isOrthogonal && $0.rank > 1 ? [0] : $0 }),
    ]
  }

  /// The parts of a matrix's scratch memory, in elements.
  private struct Room {
    let rows: Int, columns: Int
    var side: Int { min(rows, columns) }
    var isWide: Bool { rows <= columns }

    init(_ shape: Shape) {
      columns = shape[shape.rank - 1]
      rows = columns > 0 ? shape.count / columns : 0
    }

    /// X·Xᵀ or Xᵀ·X.
    var gram: ProductArguments {
      isWide
        ? ProductArguments(m: rows, n: rows, k: columns, transposeB: true)
        : ProductArguments(m: columns, n: columns, k: rows, transposeA: true)
    }
    var square: ProductArguments { ProductArguments(m: side, n: side, k: side) }
    var update: ProductArguments {
      isWide
        ? ProductArguments(m: rows, n: columns, k: rows)
        : ProductArguments(m: rows, n: columns, k: columns)
    }

    func workspace(_ kernels: KernelTable, _ threads: Int32) -> Int {
      [gram, square, update].map { product in
        withUnsafePointer(to: product) { kernels.productWorkspace($0, threads) }
      }.max() ?? 0
    }

    /// The bytes of a matrix, and of a square one, each padded to 64.
    func bytes(_ dtype: DType) -> (matrix: Int, square: Int) {
      ((rows * columns * dtype.size + 63) & ~63, (side * side * dtype.size + 63) & ~63)
    }
  }

  func scratchBytes(_ kernels: KernelTable, _ shape: Shape, _ dtype: DType, threads: Int32) -> Int {
    guard orthogonal, shape.rank > 1 else { return 0 }
    let room = Room(shape), bytes = room.bytes(dtype)
    return 2 * bytes.matrix + 2 * bytes.square + room.workspace(kernels, threads)
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    guard orthogonal, let shape = span.shape, shape.rank > 1 else {
      return vectorSweep(kernels, over: span, arguments: memory)
    }
    let room = Room(shape), bytes = room.bytes(span.dtype)
    memory.initializeMemory(
      as: Matrix.self,
      to: Matrix(
        rule: self, room: room, scale: kernels[.scale],
        product: kernels[.product],
        squares: kernels[.sumSquares], weights: span.weights, gradient: span.gradient,
        velocity: span.state[0],
        matrixBytes: bytes.matrix, squareBytes: bytes.square, scratch: span.scratch))
    return OptimizerSweep(
      step: { memory, run in
        memory.assumingMemoryBound(to: Matrix.self).pointee.step(run)
        return 0
      },
      prepare: { memory, _, learningRate in
        memory.assumingMemoryBound(to: Matrix.self).pointee.learningRate = learningRate
      })
  }

  private func vectorSweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var arguments = AdamArguments()
    arguments.count = span.count
    arguments.weights = span.weights
    arguments.gradient = span.gradient
    arguments.first = span.state[0]
    arguments.second = span.state[1]
    arguments.beta1 = 0.9
    arguments.beta2 = 0.95
    arguments.epsilon = 1e-8
    arguments.decoupled = 1
    arguments.weightDecay = weightDecay
    memory.initializeMemory(
      as: Vector.self,
      to: Vector(adam: arguments, rate: learningRate > 0 ? vectorLearningRate / learningRate : 0))
    // The kernel's arguments come first.
    return OptimizerSweep(step: kernels[.adam]) { memory, t, learningRate in
      let vector = memory.assumingMemoryBound(to: Vector.self)
      vector.pointee.adam.learningRate = learningRate * vector.pointee.rate
      vector.pointee.adam.correct(t)
    }
  }

  private struct Vector {
    var adam: AdamArguments
    /// AdamW's learning rate divided by Muon's.
    var rate: Double
  }

  /// What a sweep over a matrix has in its memory.
  private struct Matrix {
    var rule: Muon
    var room: Room
    var scale: Step, product: Step, squares: Step
    var weights: Mutable, gradient: Const, velocity: Mutable
    var matrixBytes: Int, squareBytes: Int
    var scratch: Mutable
    var learningRate = 0.0

    private var x: Mutable { scratch }
    private var other: Mutable { scratch + matrixBytes }
    private var gram: Mutable { scratch + 2 * matrixBytes }
    private var square: Mutable { gram + squareBytes }
    private var workspace: Mutable { square + squareBytes }

    func step(_ run: UnsafeMutableRawPointer) {
      let count = room.rows * room.columns, side = room.side
      let kept = rule.momentum
      multiply(velocity, by: kept, to: velocity, count, run)
      multiply(gradient, by: 1 - kept, to: velocity, count, adding: true, run)
      multiply(velocity, by: rule.nesterov ? kept : 1, to: x, count, run)
      if rule.nesterov { multiply(gradient, by: 1 - kept, to: x, count, adding: true, run) }
      let norm = sumOfSquares(squares, x, count, run).squareRoot()
      multiply(x, by: 1 / max(norm, 1e-7), to: x, count, run)
      // A polynomial of fifth degree whose slope at 0 is steep: y = a·s + b·s³ + c·s⁵ of each singular value.
      let (a, b, c) = (3.4445, -4.7750, 2.0315)
      for _ in 0..<rule.iterations {
        multiply(room.gram, x, x, to: gram, run)
        multiply(room.square, gram, gram, to: square, run)
        multiply(gram, by: b, to: gram, side * side, run)
        multiply(square, by: c, to: gram, side * side, adding: true, run)
        multiply(room.update, room.isWide ? gram : x, room.isWide ? x : gram, to: other, run)
        multiply(x, by: a, to: x, count, run)
        multiply(other, by: 1, to: x, count, adding: true, run)
      }
      let length = max(1, Double(room.columns) / Double(room.rows)).squareRoot()
      multiply(weights, by: 1 - learningRate * rule.weightDecay, to: weights, count, run)
      multiply(x, by: -learningRate * length, to: weights, count, adding: true, run)
    }

    private func multiply(
      _ x: Const, by factor: Double, to y: Mutable, _ count: Int, adding: Bool = false,
      _ run: UnsafeMutableRawPointer
    ) {
      var arguments = ScaleArguments()
      arguments.count = count
      arguments.scale = factor
      arguments.accumulate = adding ? 1 : 0
      arguments.x = x
      arguments.y = y
      _ = scale(&arguments, run)
    }

    private func multiply(
      _ shape: ProductArguments, _ a: Const, _ b: Const, to c: Mutable, _ run: UnsafeMutableRawPointer
    ) {
      var arguments = shape
      arguments.a = a
      arguments.b = b
      arguments.c = c
      arguments.workspace = workspace
      _ = product(&arguments, run)
    }
  }
}
