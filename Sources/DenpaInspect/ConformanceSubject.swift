import DenpaCore
import DenpaGraph

/// The subject of a proof: a layer with one of its samples in one dtype.
final class ProofSubject {
  let definition: LayerDefinition
  let sample: Sample
  let dtype: DType
  let model: Model
  let layer: any Layer
  /// With the symbolic batch; floats are `dtype`.
  let inputTypes: [TensorType]
  let outputTypes: [TensorType]
  let parameterTypes: [TensorType]
  let parameterNames: [String]
  let parameterRoles: [ParameterSpec.Role]
  /// Representable in float32, so that both dtypes compute with the same numbers.
  let inputValues: [[Double]]
  let parameterValues: [[Double]]

  private static let seed: UInt64 = 20_240_607

  var rows: Int { sample.inputs.first?.shape[0] ?? 1 }
  var isForeign: Bool { layer is any ForeignLayer }
  /// The index of the layer in the model's graph.
  var nodeIndex: Int { model.graph.nodes.count - 1 }

  /// Built-in losses have no gradient with respect to their targets; foreign layers write any requested.
  var differentiableInputs: [Bool] {
    inputTypes.enumerated().map { index, type in
      type.dtype.isFloat && (index == 0 || isForeign || definition.spec.role == .layer)
    }
  }
  var trainedParameters: [Bool] { parameterRoles.map { $0 == .trained } }
  var wanted: Wanted { Wanted(inputs: differentiableInputs, parameters: trainedParameters) }

  init(_ definition: LayerDefinition, _ sample: Sample, _ dtype: DType) throws(DenpaError) {
    self.definition = definition
    self.sample = sample
    self.dtype = dtype
    // A separate registry: nothing is registered before it is proved. Only initializers are shared.
    let registry = Registry()
    for initializer in Registry.shared.initializers { registry.add(initializer) }
    try registry.add([definition])
    var graph = Graph()
    var inputs: [ValueID] = []
    for type in sample.inputs {
      inputs.append(try graph.addInput(name: nil, dtype: type.dtype, sample: type.shape.sample))
    }
    let outputs = try graph.add(
      definition.spec.kind, name: "sample", attributes: sample.attributes, inputs: inputs, registry: registry)
    guard let node = graph.nodes.last, let layer = node.layer else {
      throw DenpaError(.internalError, "a graph without its last node")
    }
    self.layer = layer
    model = try Model(graph, outputs: outputs, dtype: dtype, seed: ProofSubject.seed)
    func modelType(_ value: ValueID) -> TensorType {
      let type = graph.values[value].type
      return TensorType(type.dtype.isFloat ? dtype : type.dtype, type.shape)
    }
    inputTypes = inputs.map(modelType)
    outputTypes = outputs.map(modelType)
    parameterTypes = node.parameters.map { TensorType(dtype, $0.shape) }
    parameterNames = node.parameters.map(\.name)
    parameterRoles = node.parameters.map(\.role)
    inputValues = sample.inputs.indices.map { ProofSubject.draw(sample, $0) }
    var initial: [[Double]] = []
    for (index, parameter) in node.parameters.enumerated() {
      let view = try model.view(index)
      var values = Array(repeating: 0.0, count: parameter.shape.count)
      if let data = view.data { convert(data, dtype, to: &values, .float64, count: values.count) }
      initial.append(ProofSubject.perturb(values, parameter, stream: 1000 + UInt64(index)))
    }
    parameterValues = initial
  }

  /// Returns an input's values: floats in the range, away from kinks; rows of probabilities; class indices.
  private static func draw(_ sample: Sample, _ index: Int) -> [Double] {
    let type = sample.inputs[index]
    if sample.values.indices.contains(index), let given = sample.values[index] { return given.map(single) }
    let random = Random(seed: seed, stream: UInt64(index))
    let count = type.shape.count
    guard type.dtype.isFloat else {
      return (0..<count).map { Double(random.below(UInt64(max(sample.classes, 1)), UInt64($0))) }
    }
    if sample.distributions.contains(index) {
      let width = max(type.shape.last ?? 1, 1)
      let weights = (0..<count).map { 0.1 + random.uniform(UInt64($0)) }
      return (0..<count).map { element in
        let row = element / width * width
        return single(weights[element] / weights[row..<(row + width)].reduce(0, +))
      }
    }
    let width = sample.range.upperBound - sample.range.lowerBound
    // Large enough for the widest stencil.
    let distance = min(0.05, width / 50)
    return (0..<count).map { element in
      var value = sample.range.lowerBound
      for attempt in 0..<64 {
        let draw = random.uniform(UInt64(element) << 8 | UInt64(attempt))
        value = single(sample.range.lowerBound + distance + draw * (width - 2 * distance))
        if sample.avoid.allSatisfy({ abs($0 - value) >= distance }) { break }
      }
      return value
    }
  }

  /// Zeros and ones prove little: trained parameters are moved from their initial values, never across zero.
  private static func perturb(_ values: [Double], _ parameter: ParameterSpec, stream: UInt64) -> [Double] {
    let random = Random(seed: seed, stream: stream)
    return values.enumerated().map { index, value in
      let value = single(value)
      guard parameter.role == .trained else { return value }
      let noise = random.uniform(UInt64(index)) - 0.5
      return single(value == 0 ? noise / 2 : value * (1 + noise / 2))
    }
  }

  /// Returns an output's weights in the objective: of either sign, never near zero.
  func coefficients(_ output: Int, _ count: Int) -> [Double] {
    let random = Random(seed: ProofSubject.seed, stream: 2000 + UInt64(output))
    return (0..<count).map { index in
      let draw = random.uniform(UInt64(index))
      return ProofSubject.single(draw < 0.5 ? -0.5 - draw : draw)
    }
  }

  private static func single(_ value: Double) -> Double { Double(Float(value)) }

  func runner(rows: Int, wanted: Wanted? = nil, threads: Int32 = 1) throws(DenpaError) -> LayerRunner {
    let wanted = wanted ?? self.wanted
    if let foreign = layer as? any ForeignLayer {
      return try ForeignRunner(self, foreign, rows: rows, wanted: wanted, threads: threads)
    }
    return try EngineRunner(self, rows: rows, wanted: wanted, threads: threads)
  }

  /// Returns a runner that runs the layer as networks do.
  func planRunner(rows: Int, threads: Int32 = 1) throws(DenpaError) -> LayerRunner {
    try EngineRunner(self, rows: rows, wanted: wanted, threads: threads)
  }
}
