import DenpaCore

extension Graph {
  /// Adds the layers of a model, each under the name "<name>-<its name>", and returns the values that are the
  /// model's outputs. With `earlier`, they have the parameters of the layers that were added under that name.
  public mutating func add(
    _ model: Model, name: String, sharing earlier: String?, inputs: [ValueID], registry: Registry = .shared,
    outputCount: Int? = nil
  ) throws(DenpaError) -> [ValueID] {
    let label: Message = "model \"\(name)\""
    guard outputCount ?? model.outputs.count == model.outputs.count else {
      throw DenpaError(
        .badArgument, "\(label): it has \(model.outputs.count) output(s), got room for \(outputCount ?? 0)")
    }
    do throws(DenpaError) { try check(inputs, for: model) } catch { throw error.inside(label) }
    // All or nothing.
    var result = self
    // The value here of each of the model's values.
    var number = Array(repeating: -1, count: model.graph.values.count)
    for (value, input) in zip(model.graph.inputs, inputs) { number[value] = input }
    for node in model.graph.nodes {
      guard node.layer != nil else { continue }
      let own = "\(name)-\(node.name)", read = node.inputs.map { number[$0] }
      let owner = model.owner(of: node, under: name, sharing: earlier)
      if let owner, earlier != nil { try result.check(owner, is: node, label) }
      let written =
        if let owner {
          try result.share(owner, name: own, inputs: read, registry: registry)
        } else {
          try result.add(node.kind, name: own, attributes: node.attributes, inputs: read, registry: registry)
        }
      for (value, made) in zip(node.outputs, written) { number[value] = made }
    }
    try checkMemory("a graph")
    self = result
    return model.outputs.map { number[$0] }
  }

  /// Checks that values can be the inputs of a model.
  private func check(_ given: [ValueID], for model: Model) throws(DenpaError) {
    let graph = model.graph
    guard given.count == graph.inputs.count else {
      throw DenpaError(.badArgument, "expected \(graph.inputs.count) input(s), got \(given.count)")
    }
    for (input, value) in zip(graph.inputs, given) {
      guard values.indices.contains(value) else {
        throw DenpaError(.badArgument, "\(value) is no value of this graph (it has \(values.count))")
      }
      let expected = graph.values[input].type, type = values[value].type
      let what: Message = "input \"\(graph.nodes[graph.values[input].node].name)\""
      guard type.dtype == expected.dtype else {
        throw DenpaError(.badDType, "\(what): expected \(expected.dtype), got \(type.dtype)")
      }
      guard type.shape.fits(expected.shape) else {
        throw DenpaError(.badShape, "\(what): expected \(expected.shape), got \(type.shape)")
      }
    }
  }

  /// Checks that the layer whose parameters are to be shared is a copy of `node`.
  private func check(_ owner: String, is node: Node, _ label: Message) throws(DenpaError) {
    guard let index = self.node(named: owner), nodes[index].kind == node.kind,
      nodes[index].attributes == node.attributes
    else {
      throw DenpaError(
        .badArgument, "\(label): there is no \(node.kind) \"\(owner)\" like its own: it was not added before")
    }
  }
}

extension Model {
  /// The name of the layer whose parameters a copy of a node has; nil if it has its own, or none.
  fileprivate func owner(of node: Node, under name: String, sharing earlier: String?) -> String? {
    if let earlier { return node.parameters.isEmpty ? nil : "\(earlier)-\(node.name)" }
    return node.shares.map { "\(name)-\(graph.nodes[$0].name)" }
  }
}

extension Shape {
  /// Whether all extents are those of `expected` that are not open there.
  fileprivate func fits(_ expected: Shape) -> Bool {
    rank == expected.rank
      && (0..<rank).allSatisfy { self[$0] == expected[$0] || expected[$0] == Shape.any && $0 > 0 }
  }
}
