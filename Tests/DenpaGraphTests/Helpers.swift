import DenpaCore
import DenpaGraph
import DenpaLayers
import DenpaTraining

/// The registry with everything that is built in, filled once.
let registry: Registry = {
  Optimizers.register()
  do { try BuiltIn.register() } catch { preconditionFailure("\(error)") }
  return Registry.shared
}()

/// A tensor owned by a test. It is never freed, because often only its view is kept.
final class Array2 {
  let memory: UnsafeMutableBufferPointer<Double>
  let view: TensorView

  init(_ values: [Double], _ extents: Int...) throws {
    memory = .allocate(capacity: max(values.count, 1))
    _ = memory.initialize(from: values)
    view = TensorView(
      UnsafeMutableRawPointer(memory.baseAddress), TensorType(.float64, try Shape(checking: extents)))
  }

  var values: [Double] { Array(memory[0..<view.type.shape.count]) }
}

final class Classes {
  let memory: UnsafeMutableBufferPointer<Int64>
  let view: TensorView

  init(_ values: [Int64]) throws {
    memory = .allocate(capacity: max(values.count, 1))
    _ = memory.initialize(from: values)
    view = TensorView(UnsafeMutableRawPointer(memory.baseAddress), TensorType(.int64, [values.count]))
  }

}

/// A kind, or one of the names used here for a kind with attributes.
private func activationSpec(_ text: String) -> Spec {
  switch text {
  case "gelu_tanh": Spec("gelu", [NamedAttribute("approximate", .string("tanh"))])
  case "elu_half": Spec("elu", [NamedAttribute("alpha", .float(0.5))])
  default: Spec(text)
  }
}

/// in → hidden (activation) → out, in float64.
///
/// The weights are Xavier's and the biases 0, so that no test depends on what "auto" is, and none of exp overflows.
func mlp(_ sizes: [Int], activation: String, softmax: Bool = false, seed: UInt64 = 1) throws -> Model {
  var graph = Graph()
  var value = try graph.addInput(name: "x", dtype: .float64, sample: [sizes[0]])
  for (index, units) in sizes.dropFirst().enumerated() {
    let isLast = index == sizes.count - 2
    value = try graph.add(
      "dense", name: "d\(index + 1)",
      attributes: [
        NamedAttribute("units", .int(units)),
        NamedAttribute("activation", .spec(isLast ? Spec("identity") : activationSpec(activation))),
        NamedAttribute("initializer", .spec(Spec("xavier"))),
        NamedAttribute("bias_initializer", .spec(Spec("zeros"))),
      ], inputs: [value], registry: registry)[0]
  }
  if softmax {
    value = try graph.add("softmax", name: "y", attributes: [], inputs: [value], registry: registry)[0]
  }
  return try Model(graph, outputs: [value], dtype: .float64, seed: seed, registry: registry)
}

func trainer(
  _ model: Model, loss: String, _ attributes: [NamedAttribute] = [], rows: Int, optimizer: String = "sgd",
  learningRate: Double = 0.1, threads: Int32 = 1, inputGradients: Bool = false
) throws -> Trainer {
  var options = TrainerOptions()
  options.losses = [LossTerm(try registry.loss(loss), attributes)]
  let definition = try registry.optimizer(optimizer)
  options.optimizer = OptimizerSettings(
    optimizer,
    try definition.make(
      try Attributes(
        checking: [NamedAttribute("learning_rate", .float(learningRate))], against: definition.attributes,
        owner: "test")))
  options.maximumRows = rows
  options.threads = threads
  options.inputGradients = inputGradients
  return try Trainer(model, options)
}

/// Calls with arrays of views.
func views<R>(_ first: [TensorView], _ body: (UnsafeBufferPointer<TensorView>) throws -> R) rethrows -> R {
  try first.withUnsafeBufferPointer(body)
}

extension Trainer {
  func train(_ x: TensorView, _ t: TensorView) throws -> Double {
    try views([x]) { x in try views([t]) { t in try trainBatch(TensorList(x), TensorList(t)) } }
  }
  func accumulate(_ x: TensorView, _ t: TensorView) throws -> Double {
    try views([x]) { x in
      try views([t]) { t in try addGradients(TensorList(x), TensorList(t), inputGradients: nil) }
    }
  }
  func gradient(_ name: String) throws -> [Double] { doubles(try gradientView(name)) }
  func weight(_ name: String) throws -> [Double] { doubles(try weightView(name)) }
}

func doubles(_ view: TensorView) -> [Double] {
  guard let data = view.data else { return [] }
  return (0..<view.type.shape.count).map { data.load(fromByteOffset: $0 * 8, as: Double.self) }
}

extension Session {
  func predict(_ x: TensorView, _ y: TensorView) throws {
    try views([x]) { x in
      try views([y]) { y in
        try enter()
        defer { leave() }
        try predict(TensorList(x), TensorList(y))
      }
    }
  }
}

/// Returns the status that a body throws.
func status(_ body: () throws -> Void) -> (Status, String)? {
  do {
    try body()
    return nil
  } catch let error as DenpaError {
    return (error.status, error.description)
  } catch {
    return nil
  }
}

func random(_ count: Int, seed: UInt64 = 7) -> [Double] {
  let source = Random(seed: seed, stream: 1)
  return (0..<count).map { source.normal(UInt64($0)) }
}
