import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Levenberg–Marquardt, for small networks and mean squared error: with the residuals r = y − t of all rows
/// and outputs and their derivatives J, a step d solves (JᵀJ + µ·I)·d = −Jᵀr; w ← w + learning_rate·d.
///
/// A step that makes the loss smaller is taken, and µ is multiplied by `decrease`; otherwise µ is multiplied by
/// `increase` and the step is tried again, until µ is above `greatest_damping`: then the weights stay. The
/// batch should be all of the data. Random layers draw what they draw for the first row. A step costs a forward and backward pass for each row and output, and
/// weights³/3 operations. Sources: Levenberg, 1944; Marquardt, 1963; for networks: Hagan & Menhaj, 1994.
struct LevenbergMarquardt: SearchingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "levenberg_marquardt",
    summary: "Least squares of small networks: solves for the step with the residuals' derivatives.",
    details:
      "Hagan & Menhaj, \"Training Feedforward Networks with the Marquardt Algorithm\", 1994. One mean_squared_error, up to 4096 weights, all data in one batch.",
    attributes: [
      .learningRate(1, "How much of a step is taken."),
      AttributeSpec("damping", .float, default: .float(0.001), minimum: 1e-20, maximum: 1e20, "µ at first."),
      AttributeSpec(
        "increase", .float, default: .float(10), minimum: 1.001, maximum: 1e6,
        "µ's factor where a step makes the loss larger."),
      AttributeSpec(
        "decrease", .float, default: .float(0.1), minimum: 1e-6, maximum: 0.999,
        "µ's factor where a step makes the loss smaller."),
      AttributeSpec(
        "greatest_damping", .float, default: .float(1e10), minimum: 1e-20, maximum: 1e30,
        "No step is taken above this µ."),
    ]
  ) { (attributes) throws(DenpaError) in
    LevenbergMarquardt(
      learningRate: attributes.float("learning_rate"), damping: attributes.float("damping"),
      increase: attributes.float("increase"), decrease: attributes.float("decrease"),
      greatest: attributes.float("greatest_damping"))
  }

  private static let mostWeights = 4096

  let learningRate: Double
  let damping: Double
  let increase: Double
  let decrease: Double
  let greatest: Double

  var state: [OptimizerState] { [OptimizerState("start")] }

  /// µ.
  var initialNumbers: [Double] { [damping] }

  func accepts(_ numbers: [Double]) -> Bool { numbers.allSatisfy { $0 > 0 && $0.isFinite } }

  func check(_ model: Model, _ options: TrainerOptions, weights: Int) throws(DenpaError) {
    let name: Message = "optimizer \"levenberg_marquardt\""
    let kind = "mean_squared_error"
    guard options.losses.count == 1, options.losses[0].definition.spec.kind == kind else {
      throw DenpaError(
        .badArgument, "\(name) needs a trainer with one loss, \(kind); use lbfgs for others")
    }
    guard weights <= LevenbergMarquardt.mostWeights else {
      throw DenpaError(
        .limitExceeded,
        "\(name) trains up to \(LevenbergMarquardt.mostWeights) weights, the model has \(weights); use lbfgs")
    }
    for node in model.graph.nodes where !(node.layer?.penalties ?? []).isEmpty {
      throw DenpaError(
        .badArgument, "\(name) knows squared errors alone: \(node.kind) \"\(node.name)\" has a penalty")
    }
    for parameter in model.parameters where parameter.spec.role == .state {
      throw DenpaError(
        .badArgument,
        "\(name) computes the derivatives of each row by itself: \"\(parameter.name)\" depends on the batch")
    }
  }

  func step(_ search: borrowing Search, loss: Double) throws(DenpaError) {
    var normal = try NormalEquations(search)
    try normal.gather(search)
    let start = search.state(0)
    search.vector.copy(search.weights, to: start)
    while search[0] <= greatest {
      if normal.solve(damping: search[0]) {
        normal.move(search, from: start, by: search.learningRate)
        if try search.evaluate() < loss {
          search[0] = max(search[0] * decrease, 1e-20)
          return
        }
      }
      search[0] *= increase
    }
    // No step makes the loss smaller. The next call may have other data, so it begins anew.
    search[0] = damping
    search.vector.copy(start, to: search.weights)
    _ = try search.evaluate()
  }
}

/// JᵀJ and Jᵀr of a batch, in float64.
private struct NormalEquations {
  /// Rows of J that are gathered before they are multiplied.
  private static let blockRows = 64

  private let count: Int
  /// JᵀJ, its factor, Jᵀr, the step, and a block of J; all of them in one memory.
  private let matrix: UnsafeMutablePointer<Double>
  private let factor: UnsafeMutablePointer<Double>
  private let right: UnsafeMutablePointer<Double>
  private let change: UnsafeMutablePointer<Double>
  private let block: UnsafeMutablePointer<Double>
  private let product: Step
  private let workspace: UnsafeMutableRawPointer
  private var filled = 0

  init(_ search: borrowing Search) throws(DenpaError) {
    count = search.vector.count
    let kernels = try Kernels.chosen().float64
    product = kernels[.product]
    let shape = ProductArguments(m: count, n: count, k: NormalEquations.blockRows, transposeA: true)
    let room = withUnsafePointer(to: shape) { kernels.productWorkspace($0, 1) }
    let elements = 2 * count * count + 2 * count + NormalEquations.blockRows * count
    let bytes = (elements * 8 + 63) & ~63
    let memory = try search.memory(byteCount: bytes + room)
    matrix = memory.bindMemory(to: Double.self, capacity: elements)
    factor = matrix + count * count
    right = factor + count * count
    change = right + count
    block = change + count
    workspace = memory + bytes
    matrix.update(repeating: 0, count: count * count)
    right.update(repeating: 0, count: count)
  }

  /// Adds all rows of the batch.
  mutating func gather(_ search: borrowing Search) throws(DenpaError) {
    let rows = try ResidualRows(search)
    for row in 0..<search.rows {
      for element in 0..<rows.elements {
        let residual = try rows.differentiate(search, row, element)
        let line = block + filled * count
        search.vector.gather(search.gradient, to: line)
        if let weight = rows.weight(search, row) {
          let root = max(weight, 0).squareRoot()
          for i in 0..<count { line[i] *= root }
          for i in 0..<count { right[i] += line[i] * (residual * root) }
        } else {
          for i in 0..<count { right[i] += line[i] * residual }
        }
        filled += 1
        if filled == NormalEquations.blockRows { multiply() }
      }
    }
    if filled > 0 { multiply() }
  }

  /// Adds BlockᵀBlock to JᵀJ.
  private mutating func multiply() {
    var arguments = ProductArguments(m: count, n: count, k: filled, transposeA: true)
    arguments.a = Const(block)
    arguments.b = Const(block)
    arguments.c = Mutable(matrix)
    arguments.accumulate = 1
    arguments.workspace = workspace
    var run = Run(parallel: Run.inline, threads: 1, training: 1, seed: 0)
    _ = withUnsafeMutablePointer(to: &run) { product(&arguments, $0) }
    filled = 0
  }

  /// Solves (JᵀJ + µ·I)·d = −Jᵀr by Cholesky's decomposition. Returns false if the matrix is not positive
  /// definite.
  mutating func solve(damping: Double) -> Bool {
    for i in 0..<count {
      let line = factor + i * count
      for j in 0...i {
        let other = factor + j * count
        var sum = matrix[i * count + j] + (i == j ? damping : 0)
        for k in 0..<j { sum -= line[k] * other[k] }
        if i == j {
          guard sum > 0, sum.isFinite else { return false }
          line[i] = sum.squareRoot()
        } else {
          line[j] = sum / other[j]
        }
      }
    }
    for i in 0..<count {
      let line = factor + i * count
      var sum = -right[i]
      for k in 0..<i { sum -= line[k] * change[k] }
      change[i] = sum / line[i]
    }
    for i in (0..<count).reversed() {
      change[i] /= factor[i * count + i]
      let line = factor + i * count
      for k in 0..<i { change[k] -= line[k] * change[i] }
    }
    return true
  }

  /// Sets the weights to those at `start`, changed by `rate` times the solution.
  func move(_ search: borrowing Search, from start: UnsafeRawPointer, by rate: Double) {
    search.vector.copy(start, to: search.weights)
    search.vector.add(rate, timesEach: change, to: search.weights)
  }
}

/// The residuals y − t of a batch, one by one, with their derivatives.
private struct ResidualRows {
  /// The outputs of a row.
  let elements: Int
  private let single: Executor
  private let output: Int, outputGradient: Int, target: Int

  init(_ search: borrowing Search) throws(DenpaError) {
    let trainer = search.trainer, batch = search.executor
    single = try trainer.openLoop(training: true, BatchSizes(rows: 1, extents: batch.plan.extents))
    let number = trainer.options.losses[0].output
    let slots = single.plan.slots
    guard let output = slots.firstIndex(where: { $0.kind == .output && $0.index == number }),
      let gradient = slots.firstIndex(where: { $0.kind == .outputGradient && $0.index == number })
    else { throw DenpaError(.internalError, "a plan lacks output \(number)") }
    (self.output, outputGradient) = (output, gradient)
    target = trainer.inputCount
    elements = slots[output].type.withRows(1).shape.count
  }

  /// The weight of a row; nil if the rows have none.
  func weight(_ search: borrowing Search, _ row: Int) -> Double? {
    guard search.executor.plan.targetCount == 2, let weights = search.executor.slots[target + 1] else {
      return nil
    }
    return search.vector.isDouble
      ? weights.load(fromByteOffset: 8 * row, as: Double.self)
      : Double(weights.load(fromByteOffset: 4 * row, as: Float.self))
  }

  /// Runs a row forward and one of its outputs backward: the derivatives are in `search.gradient`. Returns the
  /// residual.
  func differentiate(_ search: borrowing Search, _ row: Int, _ element: Int) throws(DenpaError) -> Double {
    let isDouble = search.vector.isDouble
    for (slot, description) in single.plan.slots.enumerated() {
      let type = description.type.withRows(1)
      guard description.kind != .input else {
        let data = search.executor.slots[slot].map { $0 + row * type.byteCount }
        try single.bindInput(slot, TensorView(data, type))
        continue
      }
      let memory = try single.stagingMemory(slot, elements: type.shape.count)
      single.slots[slot] = memory
      guard description.kind == .outputGradient else { continue }
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: type.byteCount)
      guard slot == outputGradient else { continue }
      if isDouble {
        memory.storeBytes(of: 1, toByteOffset: 8 * element, as: Double.self)
      } else {
        memory.storeBytes(of: 1, toByteOffset: 4 * element, as: Float.self)
      }
    }
    try single.execute(rows: 1, parameters: search.weights, draw: search.trainer.forwardCount)
    _ = single.takeFlagged()
    if !single.isComplete { single.clearUnreachedGradients() }
    guard let y = single.slots[output], let t = search.executor.slots[target] else { return 0 }
    let place = row * elements + element
    return isDouble
      ? y.load(fromByteOffset: 8 * element, as: Double.self)
        - t.load(fromByteOffset: 8 * place, as: Double.self)
      : Double(y.load(fromByteOffset: 4 * element, as: Float.self))
        - Double(t.load(fromByteOffset: 4 * place, as: Float.self))
  }
}
