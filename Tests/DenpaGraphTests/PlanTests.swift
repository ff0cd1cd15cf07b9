import DenpaCore
import Testing

@testable import DenpaGraph

@Suite struct PlanTests {
  private func plan(_ model: Model, _ mode: PlanMode, rows: Int = 8, loss: String? = nil) throws -> Plan {
    var request = PlanRequest(mode, maximumRows: rows, threads: 1)
    if let loss {
      request.losses = [LossTerm(try registry.loss(loss))]
      request.targets = [TensorType(.int64, [Shape.batch])]
    }
    return try Plan(model, request)
  }

  private func count(_ plan: Plan, _ matches: (any Operation) -> Bool) -> Int {
    plan.ops.filter { matches($0.operation) }.count
  }
  private func isMap(_ operation: any Operation) -> Bool {
    operation is MapOperation || operation is MapGradientOperation
  }
  private func isProduct(_ operation: any Operation) -> Bool { operation is ProductOperation }

  @Test func activationsAndDerivativesGoIntoTheProducts() throws {
    let model = try mlp([5, 7, 6, 3], activation: "relu")
    let train = try plan(model, .train, loss: "softmax_cross_entropy")
    #expect(count(train, isMap) == 0)
    // Three forward, three dW, and dx of all layers but the first, whose input's gradient is not wanted.
    #expect(count(train, isProduct) == 8)
    let observe = try plan(model, .observe, loss: "softmax_cross_entropy")
    #expect(count(observe, isMap) == 4)
  }

  /// GELU's derivative is computed from its argument: training keeps it, so forward is not fused; the
  /// derivative is.
  @Test(arguments: ["gelu", "gelu_tanh", "erf"]) func argumentsThatDerivativesNeedAreKept(
    _ activation: String
  )
    throws
  {
    let model = try mlp([5, 7, 6, 3], activation: activation)
    let train = try plan(model, .train, loss: "softmax_cross_entropy")
    #expect(count(train, isMap) == 2)
    #expect(count(train, isProduct) == 8)
    #expect(train.ops[train.forwardCount...].allSatisfy { !isMap($0.operation) })
    #expect(count(try plan(model, .infer), isMap) == 0)
  }

  @Test func softmaxGoesIntoItsCrossEntropyUnlessItHasAnEpsilon() throws {
    let model = try mlp([5, 4, 3], activation: "tanh", softmax: true)
    func softmaxes(_ attributes: [NamedAttribute]) throws -> Int {
      var request = PlanRequest(.train, maximumRows: 4, threads: 1)
      request.losses = [LossTerm(try registry.loss("cross_entropy"), attributes)]
      request.targets = [TensorType(.int64, [Shape.batch])]
      return count(try Plan(model, request)) { $0 is SoftmaxOperation || $0 is SoftmaxGradientOperation }
    }
    #expect(try softmaxes([]) == 0)
    #expect(try softmaxes([NamedAttribute("epsilon", .float(1e-7))]) == 2)
  }

  @Test func firstWriteOverwritesAndOthersAdd() throws {
    _ = registry
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [3])
    let d = try graph.add("dense", name: "d", attributes: [NamedAttribute("units", .int(3))], inputs: [x])[0]
    let a = try graph.add("tanh", name: "a", attributes: [], inputs: [d])[0]
    let b = try graph.add("sigmoid", name: "b", attributes: [], inputs: [d])[0]
    let y = try graph.add("add", name: "y", attributes: [], inputs: [a, b])[0]
    let model = try Model(graph, outputs: [y], dtype: .float64, seed: 1)
    let train = try plan(model, .train, loss: "softmax_cross_entropy")
    let modes = train.ops.flatMap { op -> [Destination.Mode] in
      op.operation is MapGradientOperation ? op.writes.compactMap { $0?.mode } : []
    }
    #expect(modes == [.overwrite, .add])
  }

  /// y = x + x, whose backward is written with operations that cannot add to what they write.
  private struct Twice: BuiltInLayer {
    static let spec = LayerSpec(
      kind: "test_twice", summary: "y = 2x", details: "",
      samples: [Sample(inputs: [TensorType(.float32, [4, 3])])])

    init(_ attributes: Attributes) {}
    func outputs(_ inputs: [TensorType]) -> [TensorType] { inputs }
    func forward(_ r: Recipe) { r.apply(.add, r.x, r.x, into: r.y) }
    func backward(_ r: Recipe) { r.apply(.add, r.dy, r.dy, into: r.dx) }
  }

  /// If an operation cannot add to its destination, its result is added from separate memory: no mode is
  /// ignored.
  @Test func whatCannotAddIsAddedFromItsOwnMemory() throws {
    _ = registry
    let twice = LayerDefinition(Twice.self)
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [3])
    let a = try graph.add(twice, name: "a", attributes: [], inputs: [x])[0]
    let b = try graph.add(twice, name: "b", attributes: [], inputs: [x])[0]
    let y = try graph.add("add", name: "y", attributes: [], inputs: [a, b])[0]
    let model = try Model(graph, outputs: [y], dtype: .float64, seed: 1)
    var request = PlanRequest(.train, maximumRows: 2, threads: 1)
    request.inputGradients = true
    let executor = try Executor(try Plan(model, request), model: model)
    let zeros = Array(repeating: 0.0, count: 6)
    let given = try Array2(zeros, 2, 3), dy = try Array2([1, 2, 3, 4, 5, 6], 2, 3)
    let output = try Array2(zeros, 2, 3), dx = try Array2(zeros, 2, 3)
    for (slot, description) in executor.plan.slots.enumerated() {
      switch description.kind {
      case .input, .target: try executor.bindInput(slot, given.view)
      case .outputGradient: try executor.bindInput(slot, dy.view)
      case .output: try executor.bindOutput(slot, output.view)
      case .inputGradient, .valueGradient: try executor.bindOutput(slot, dx.view)
      }
    }
    try executor.execute(rows: 2, parameters: try model.snapshot().base)
    #expect(dx.values == [4, 8, 12, 16, 20, 24])
  }

  /// Fused and unfused, with shared and with separate memory, the numbers are the same.
  @Test(arguments: ["relu", "sigmoid", "tanh", "exp", "erf", "gelu", "gelu_tanh", "elu_half", "mish"])
  func observedTrainingHasTheSameGradients(_ activation: String) throws {
    let model = try mlp([5, 7, 6, 3], activation: activation, softmax: true)
    let x = try Array2(random(20), 4, 5), t = try Classes([0, 2, 1, 1])
    func gradients(_ mode: PlanMode) throws -> ([UInt8], Double) {
      var request = PlanRequest(mode, maximumRows: 4, threads: 1)
      request.losses = [LossTerm(try registry.loss("cross_entropy"))]
      request.targets = [TensorType(.int64, [Shape.batch])]
      let gradients = try model.layout.makeBuffer(zeroed: true, "test")
      let executor = try Executor(try Plan(model, request), model: model, gradients: gradients)
      try executor.bindInput(0, x.view)
      try executor.bindInput(1, t.view)
      let weights = try model.snapshot()
      try executor.execute(rows: 4, parameters: weights.base)
      return (Array(UnsafeRawBufferPointer(start: gradients.base, count: gradients.byteCount)), executor.loss)
    }
    let fused = try gradients(.train), plain = try gradients(.observe)
    let a = fused.0.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    let b = plain.0.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    #expect(a.count == b.count && b.contains { abs($0) > 1e-3 })
    for (left, right) in zip(a, b) { #expect(abs(left - right) <= 1e-14 * max(1, abs(right))) }
    #expect(abs(fused.1 - plain.1) < 1e-14)
  }

  @Test func inferenceReusesMemory() throws {
    let model = try mlp([64, 64, 64, 64, 64, 64, 64], activation: "relu")
    let infer = try Executor(try plan(model, .infer, rows: 32), model: model)
    let one = 32 * 64 * 8
    // Six values, of which two are alive at a time; the last one is in the caller's memory.
    #expect(infer.arenaBytes <= 3 * one + 1 << 20)
    let observe = try Executor(
      try plan(model, .observe, rows: 32, loss: "softmax_cross_entropy"), model: model,
      gradients: try model.layout.makeBuffer(zeroed: true, "test"))
    #expect(observe.arenaBytes >= 12 * one)
  }
}
