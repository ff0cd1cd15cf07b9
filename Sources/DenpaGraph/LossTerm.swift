import DenpaCore

/// One term of a loss: weight · kind(output, target).
public struct LossTerm: Sendable {
  public var definition: LayerDefinition
  public var attributes: [NamedAttribute]
  public var weight: Double
  public var output: Int
  /// Whether each sample's loss may be multiplied by a number of its own.
  public var isWeighted: Bool

  public init(
    _ definition: LayerDefinition, _ attributes: [NamedAttribute] = [], weight: Double = 1, output: Int = 0,
    isWeighted: Bool = false
  ) {
    self.definition = definition
    self.attributes = attributes
    self.weight = weight
    self.output = output
    self.isWeighted = isWeighted
  }

  public var takesTarget: Bool { definition.spec.inputs.count > 1 }

  /// The class numbers whose rows do not count.
  public var ignored: [Int] {
    if case .ints(let numbers)? = value(of: "ignored") { numbers } else { [] }
  }

  fileprivate var reduction: Reduction {
    guard case .string(let name)? = value(of: "reduction") else { return .mean }
    return Reduction(rawValue: name) ?? .mean
  }

  private func value(of name: String) -> AttributeValue? { attributes.first { $0.name == name }?.value }
}

/// What is passed with each batch besides the model's inputs: the targets of all terms of a loss, and behind
/// them the weights of the samples for those that are weighted, which may be left out.
public struct LossTensors: Sendable {
  public enum Role: Sendable { case target, sampleWeights }
  public let all: [(loss: Int, role: Role)]
  /// The number of targets, which is that of all tensors where the samples have no weights.
  public let targetCount: Int

  public init(_ terms: [LossTerm]) {
    let targets = terms.indices.filter { terms[$0].takesTarget }.map { (loss: $0, role: Role.target) }
    let weights = terms.indices.filter { terms[$0].isWeighted }.map { (loss: $0, role: Role.sampleWeights) }
    all = targets + weights
    targetCount = targets.count
  }
}

extension Graph {
  /// Adds the nodes of all terms of a loss, and the penalties that the model's layers bring along. `types` are
  /// those of the tensors that are passed. Returns the value of each term, and its weight.
  mutating func add(
    _ terms: [LossTerm], _ types: [TensorType], to model: Model
  ) throws(DenpaError) -> [(value: ValueID, weight: Double)] {
    guard !terms.isEmpty else { return [] }
    for (index, term) in terms.enumerated() {
      guard model.outputs.indices.contains(term.output) else {
        throw DenpaError(
          .badArgument, "loss \(index) is on output \(term.output); the model has \(model.outputs.count)")
      }
    }
    var targets: [Int: ValueID] = [:], weights: [Int: ValueID] = [:]
    for (tensor, type) in zip(LossTensors(terms).all, types) {
      let kind = terms[tensor.loss].definition.spec.kind
      switch tensor.role {
      case .target: targets[tensor.loss] = try addInput("target of \(kind)", type)
      case .sampleWeights: weights[tensor.loss] = try addInput("sample weights of \(kind)", type)
      }
    }
    var result: [(value: ValueID, weight: Double)] = []
    for (index, term) in terms.enumerated() {
      let inputs = [model.outputs[term.output]] + (targets[index].map { [$0] } ?? [])
      result.append(try add(term, inputs, weights[index]))
    }
    for node in nodes[..<model.graph.nodes.count] {
      for penalty in node.layer?.penalties ?? [] {
        let term = LossTerm(
          try Registry.shared.loss("computed"), [NamedAttribute("reduction", .string("batch_mean"))],
          weight: penalty.weight)
        result.append(try add(term, [try addOne(penalty.kind, node.outputs)], nil))
      }
    }
    return result
  }

  /// Names the first loss of a kind "target of huber_1", the next one on "target of huber_2".
  private mutating func addInput(_ what: String, _ type: TensorType) throws(DenpaError) -> ValueID {
    var number = 1
    while node(named: "\(what)_\(number)") != nil { number += 1 }
    return try addInput(name: "\(what)_\(number)", type: type)
  }

  private mutating func add(
    _ term: LossTerm, _ inputs: [ValueID], _ weights: ValueID?
  ) throws(DenpaError) -> (value: ValueID, weight: Double) {
    let spec = term.definition.spec
    let name = try checkedName(nil, kind: spec.kind)
    guard let weights else {
      let loss = try add(term.definition, name: name, attributes: term.attributes, inputs: inputs)[0]
      guard values[loss].type.shape.rank == 0 else { throw needsOneNumber(spec, name) }
      return (loss, term.weight)
    }
    guard term.reduction != .none else { throw needsOneNumber(spec, name) }
    // The losses of the samples, added up within each sample.
    let attributes = term.attributes.filter { $0.name != "reduction" }
    var loss = try add(
      term.definition, name: name,
      attributes: attributes + [NamedAttribute("reduction", .string(Reduction.none.rawValue))],
      inputs: inputs)[0]
    if values[loss].type.shape.rank > 1 { loss = try addOne("reduce_sum", [loss]) }
    loss = try add(
      WeightedLoss.definition, name: try checkedName(nil, kind: "weighted"),
      attributes: [NamedAttribute("sum", .bool(term.reduction == .sum))], inputs: [loss, weights])[0]
    // A mean over the terms of a sample besides the mean over samples.
    let shape = values[inputs[0]].type.shape.sample
    let columns = spec.averagesRows ? max(shape.last ?? 1, 1) : 1
    let terms = term.reduction == .mean ? max(shape.count / columns, 1) : 1
    return (loss, term.weight / Double(terms))
  }

  private mutating func addOne(_ kind: String, _ inputs: [ValueID]) throws(DenpaError) -> ValueID {
    try add(
      try Registry.shared.layer(kind), name: try checkedName(nil, kind: kind), attributes: [], inputs: inputs)[
        0]
  }

  private func needsOneNumber(_ spec: LayerSpec, _ name: String) -> DenpaError {
    DenpaError(
      .badArgument,
      "\(spec.kind) \"\(name)\": training needs one number, not one for each sample: use another reduction")
  }
}
