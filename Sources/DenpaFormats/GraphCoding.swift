import DenpaCore
import DenpaGraph

/// A model's graph as JSON: what a file's metadata and `denpa_model_json` hold.
///
///     {"dtype": "float32", "seed": "0", "nodes": [{"name": "x", "kind": "input", "dtype": "float32", "shape": [8]},
///      {"name": "h", "kind": "dense", "version": 1, "attributes": {"units": 32, …}, "inputs": ["x"]}], "outputs": ["h"], "frozen": []}
///
/// A value is written as its node's name, with ":1", ":2" … behind it for the outputs after the first.
public enum GraphCoding {
  public static func encode(_ model: Model) -> JSON {
    var object = JSONObject()
    object["dtype"] = .string(model.dtype.name)
    // Not a number: JSON's readers often have no integers of 64 bits.
    object["seed"] = .string("\(model.seed)")
    object["inputs"] = .strings(model.graph.inputs.map { model.graph.nodes[model.graph.values[$0].node].name })
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

  // MARK: Reading

  /// Builds the model that a JSON describes; its parameters are zero.
  public static func decode(_ json: JSON, registry: Registry = .shared) throws(DenpaError) -> Model {
    guard let dtypeName = json["dtype"]?.string, let seedText = json["seed"]?.string, let seed = UInt64(seedText),
      let nodes = json["nodes"]?.array, let outputs = json["outputs"]?.array, let frozen = json["frozen"]?.array
    else {
      throw DenpaError(
        .badFile, "the model's graph lacks one of \"dtype\", \"seed\", \"nodes\", \"outputs\", \"frozen\"")
    }
    var graph = Graph()
    for node in nodes {
      guard let name = node["name"]?.string, let kind = node["kind"]?.string else {
        throw DenpaError(.badFile, "a node of the model's graph has no name or no kind")
      }
      if kind == "input" {
        try decodeInput(node, name, into: &graph)
      } else {
        try decodeLayer(node, name, kind, into: &graph, registry)
      }
    }
    var values: [ValueID] = []
    for output in outputs { values.append(try value(output, graph)) }
    let model = try Model(zeroed: graph, outputs: values, dtype: try DType(named: dtypeName), seed: seed)
    for name in frozen { try model.setTrainable(name.string ?? "", false) }
    return model
  }

  private static func decodeInput(_ node: JSON, _ name: String, into graph: inout Graph) throws(DenpaError) {
    guard let dtype = node["dtype"]?.string, let extents = node["shape"]?.array else {
      throw DenpaError(.badFile, "input \"\(name)\" has no dtype or no shape")
    }
    var shape: [Int] = []
    for extent in extents { shape.append(Int(extent.int ?? -2)) }
    _ = try graph.addInput(name: name, dtype: try DType(named: dtype), sample: try Shape(checking: shape))
  }

  private static func decodeLayer(
    _ node: JSON, _ name: String, _ kind: String, into graph: inout Graph, _ registry: Registry
  ) throws(DenpaError) {
    let spec = try registry.layer(kind).spec
    guard let version = node["version"]?.int, let attributes = node["attributes"]?.object,
      let inputs = node["inputs"]?.array
    else { throw DenpaError(.badFile, "\(kind) \"\(name)\" lacks its version, attributes or inputs") }
    guard version <= spec.version else {
      throw DenpaError(
        .notSupported, "\(kind) \"\(name)\" is of version \(version); this library knows version \(spec.version)")
    }
    var given: [NamedAttribute] = []
    for member in attributes.members {
      let type = spec.attributes.first { $0.name == member.key }?.type
      guard let value = decode(member.value, as: type) else {
        throw DenpaError(.badFile, "\(kind) \"\(name)\": attribute \"\(member.key)\" cannot be read")
      }
      given.append(NamedAttribute(member.key, value))
    }
    var values: [ValueID] = []
    for input in inputs { values.append(try value(input, graph)) }
    _ = try graph.add(kind, name: name, attributes: given, inputs: values, registry: registry)
  }

  private static func value(_ json: JSON, _ graph: Graph) throws(DenpaError) -> ValueID {
    let parts = (json.string ?? "").split(separator: ":", omittingEmptySubsequences: false)
    let port = parts.count == 2 ? Int(parts[1]) : 0
    guard let name = parts.first, parts.count <= 2, let port, let index = graph.node(named: String(name)),
      graph.nodes[index].outputs.indices.contains(port)
    else {
      throw DenpaError(.badFile, "the model's graph speaks of a value \"\(json.string ?? "?")\" that is not there")
    }
    return graph.nodes[index].outputs[port]
  }

  /// An attribute's value; its type decides what cannot be seen (1 or 1.0, an empty list of what).
  static func decode(_ json: JSON, as type: AttributeType?) -> AttributeValue? {
    switch type {
    case .float: return json.double.map { .float($0) }
    case .floats: return items(json) { $0.double }.map { .floats($0) }
    case .strings: return items(json) { $0.string }.map { .strings($0) }
    default: break
    }
    switch json {
    case .integer(let number): return .int(Int(number))
    case .number(let number): return .float(number)
    case .bool(let flag): return .bool(flag)
    case .string(let text): return .string(text)
    case .array:
      if let numbers = items(json, { $0.int.map(Int.init) }) { return .ints(numbers) }
      if let numbers = items(json, { $0.double }) { return .floats(numbers) }
      return items(json) { $0.string }.map { .strings($0) }
    case .object(let object):
      if let kind = object["kind"]?.string, let nested = object["attributes"]?.object {
        var attributes: [NamedAttribute] = []
        for member in nested.members {
          guard let value = decode(member.value, as: nil) else { return nil }
          attributes.append(NamedAttribute(member.key, value))
        }
        return .spec(Spec(kind, attributes))
      }
      guard let extents = object["shape"].flatMap({ items($0) { $0.int.map(Int.init) } }),
        let elements = object["elements"].flatMap({ items($0) { $0.double } }),
        let shape = try? Shape(checking: extents), !shape.isBatched, shape.count == elements.count
      else { return nil }
      return .tensor(TensorLiteral(shape: shape, elements: elements))
    case .null: return nil
    }
  }

  private static func items<T>(_ json: JSON, _ item: (JSON) -> T?) -> [T]? {
    guard let array = json.array else { return nil }
    var result: [T] = []
    for element in array {
      guard let value = item(element) else { return nil }
      result.append(value)
    }
    return result
  }
}
