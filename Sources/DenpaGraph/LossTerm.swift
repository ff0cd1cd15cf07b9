import DenpaCore

/// One term of a loss: weight · kind(output, target).
public struct LossTerm: Sendable {
  public var definition: LayerDefinition
  public var attributes: [NamedAttribute]
  public var weight: Double
  public var output: Int
  /// Whether each sample's loss is multiplied by a number of its own.
  public var isWeighted: Bool

  /// A tensor that is passed with each batch besides the model's inputs.
  public enum TensorRole: Sendable { case target, sampleWeights }

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

  /// What is passed with each batch for this term, in order.
  public var tensors: [TensorRole] {
    (definition.spec.inputs.count > 1 ? [.target] : []) + (isWeighted ? [.sampleWeights] : [])
  }

  fileprivate var reduction: Reduction {
    for attribute in attributes where attribute.name == "reduction" {
      if case .string(let name) = attribute.value { return Reduction(rawValue: name) ?? .mean }
    }
    return .mean
  }
}

extension Graph {
  /// Adds the nodes of all terms of a loss, and the penalties that the model's layers bring along. Returns the
  /// value of each term, and its weight.
  mutating func add(
    _ terms: [LossTerm], _ targets: [TensorType], to model: Model
  ) throws(DenpaError) -> [(value: ValueID, weight: Double)] {
    guard !terms.isEmpty else { return [] }
    var result: [(value: ValueID, weight: Double)] = []
    var next = 0
    for (index, term) in terms.enumerated() {
      guard model.outputs.indices.contains(term.output) else {
        throw DenpaError(
          .badArgument, "loss \(index) is on output \(term.output); the model has \(model.outputs.count)")
      }
      result.append(try add(term, on: model.outputs[term.output], targets, &next))
    }
    for node in nodes[..<model.graph.nodes.count] {
      for penalty in node.layer?.penalties ?? [] {
        let term = LossTerm(
          try Registry.shared.loss("value"), [NamedAttribute("reduction", .string("batch_mean"))],
          weight: penalty.weight)
        let activity = try addOne(penalty.kind, node.outputs)
        result.append(try add(term, on: activity, targets, &next))
      }
    }
    return result
  }

  /// `next` is the number of the first tensor of the term among those that are passed in.
  private mutating func add(
    _ term: LossTerm, on output: ValueID, _ targets: [TensorType], _ next: inout Int
  ) throws(DenpaError) -> (value: ValueID, weight: Double) {
    let spec = term.definition.spec
    let name = try checkedName(nil, kind: spec.kind)
    var inputs = [output]
    var weights: ValueID?
    for role in term.tensors {
      switch role {
      case .target: inputs.append(try addInput(name: "target of \(name)", type: targets[next]))
      case .sampleWeights: weights = try addInput(name: "sample weights of \(name)", type: targets[next])
      }
      next += 1
    }
    guard let weights else {
      let loss = try add(term.definition, name: name, attributes: term.attributes, inputs: inputs)[0]
      guard values[loss].type.shape.rank == 0 else { throw needsOneNumber(spec, name) }
      return (loss, term.weight)
    }
    guard term.reduction != .none else { throw needsOneNumber(spec, name) }
    guard spec.attributes.contains(where: { $0.name == "reduction" && $0.choices.contains("none") }) else {
      throw DenpaError(
        .badArgument, "\(spec.kind) \"\(name)\": it has no reduction \"none\", so its samples have no weights"
      )
    }
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
    let shape = values[output].type.shape.sample
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
