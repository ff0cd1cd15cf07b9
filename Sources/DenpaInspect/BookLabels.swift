import DenpaGraph

/// The names of textbooks: x, W1, b1, u1, z1, W2, …, y. Layer k is the k-th node that has parameters of its
/// own.
struct BookLabels {
  /// The k of each node.
  private var layers: [Int?]
  /// The labels of each value, the first of which is shown.
  private var values: [[String]]

  init(_ model: Model) {
    let graph = model.graph
    layers = Array(repeating: nil, count: graph.nodes.count)
    values = Array(repeating: [], count: graph.values.count)
    var count = 0
    // The values that are the u of a layer, if its activation follows.
    var open: [ValueID: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      if node.layer == nil {
        if graph.inputs.count == 1 { values[node.outputs[0]] = ["x"] }
        continue
      }
      guard node.outputs.count == 1 else { continue }
      let output = node.outputs[0]
      if !model.parameterNumbers[index].isEmpty {
        guard node.shares == nil else { continue }
        count += 1
        layers[index] = count
        values[output] = ["z\(count)"]
        guard node.activation == nil else { continue }
        values[output] = ["u\(count)", "z\(count)"]
        open[output] = count
      } else if node.inputs.count == 1, node.isActivation,
        let layer = open.removeValue(forKey: node.inputs[0])
      {
        values[node.inputs[0]] = ["u\(layer)"]
        values[output] = ["z\(layer)"]
      }
    }
    if model.outputs.count == 1 { values[model.outputs[0]].insert("y", at: 0) }
  }

  func parameter(_ node: Int, _ name: String) -> [String] { layers[node].map { ["\(name)\($0)"] } ?? [] }
  func argument(_ node: Int) -> [String] { layers[node].map { ["u\($0)"] } ?? [] }
  func value(_ id: ValueID) -> [String] { values[id] }
}

extension Node {
  /// The activation that is applied inside the layer; nil if there is none.
  var activation: String? {
    for attribute in attributes where attribute.name == "activation" {
      if case .spec(let spec) = attribute.value, spec.kind != "identity" { return spec.kind }
    }
    return nil
  }

  /// Whether it is a function that an activation can be.
  var isActivation: Bool { spec?.isFunction ?? false || kind == "softmax" || kind == "log_softmax" }

  /// The name of an output: the node's, with that of the port where there are several.
  func outputName(_ port: Int) -> String {
    guard outputs.count > 1, let spec else { return name }
    let isNamed = spec.outputs.indices.contains(port) && !spec.variadicOutputs
    return "\(name).\(isNamed ? spec.outputs[port] : "\(port)")"
  }
}
