import DenpaCore
import DenpaGraph

/// A model's graph as JSON: the contents of a file's metadata and of `denpa_model_json`.
///
///     {"dtype": "float32", "seed": "0", "nodes": [{"name": "x", "kind": "input", "dtype": "float32",
///     "shape": [8]}, {"name": "h", "kind": "dense", "version": 1, "attributes": {"units": 32, …}, "inputs":
///     ["x"]}], "outputs": ["h"], "frozen": []}
///
/// A node that computes with the parameters of an earlier one names it: "shares": "h".
///
/// A value is written as its node's name, followed by ":1", ":2" … for the outputs after the first.
/// `GraphReader` reads it.
public enum GraphCoding {
  public static func encode(_ model: Model) -> JSON {
    var object = JSONObject()
    object["dtype"] = .string(model.dtype.name)
    // Not a number: many JSON readers have no 64-bit integers.
    object["seed"] = .string("\(model.seed)")
    object["inputs"] = .strings(
      model.graph.inputs.map { model.graph.nodes[model.graph.values[$0].node].name })
    object["nodes"] = .array(model.graph.nodes.map { encode($0, model.graph) })
    object["outputs"] = .strings(model.outputs.map { reference($0, model.graph) })
    object["frozen"] = .strings(model.parameters.filter { !$0.trainable }.map(\.name))
    return .object(object)
  }

  private static func reference(_ value: ValueID, _ graph: Graph) -> String {
    let node = graph.nodes[graph.values[value].node]
    let port = node.outputs.firstIndex(of: value) ?? 0
    return port == 0 ? node.name : "\(node.name):\(port)"
  }

  private static func encode(_ node: Node, _ graph: Graph) -> JSON {
    var object = JSONObject()
    object["name"] = .string(node.name)
    object["kind"] = .string(node.kind)
    if let spec = node.spec {
      object["version"] = .integer(Int64(spec.version))
      object["attributes"] = encode(node.attributes)
      object["inputs"] = .strings(node.inputs.map { reference($0, graph) })
      if let owner = node.shares { object["shares"] = .string(graph.nodes[owner].name) }
    } else if let value = node.outputs.first {
      let type = graph.values[value].type
      object["dtype"] = .string(type.dtype.name)
      object["shape"] = .integers(type.shape.sample.array)
    }
    return .object(object)
  }

  static func encode(_ attributes: [NamedAttribute]) -> JSON {
    var object = JSONObject()
    for attribute in attributes { object[attribute.name] = encode(attribute.value) }
    return .object(object)
  }

  static func encode(_ value: AttributeValue) -> JSON {
    switch value {
    case .int(let number): return .integer(Int64(number))
    case .float(let number): return .number(number)
    case .bool(let flag): return .bool(flag)
    case .string(let text): return .string(text)
    case .ints(let numbers): return .integers(numbers)
    case .floats(let numbers): return .numbers(numbers)
    case .strings(let texts): return .strings(texts)
    case .tensor(let tensor):
      return ["shape": .integers(tensor.shape.array), "elements": .numbers(tensor.elements)]
    case .spec(let spec): return ["kind": .string(spec.kind), "attributes": encode(spec.attributes)]
    }
  }
}
