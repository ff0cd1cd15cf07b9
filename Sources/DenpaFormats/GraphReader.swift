import DenpaCore
import DenpaGraph

/// Reads a model's graph (`GraphCoding`) from its text, token by token: no tree of the text is built, and no
/// memory is allocated for a parameter before its tensor is known to be in the file. The cost of a file is
/// thus bounded by its size, whatever it declares.
struct GraphReader {
  /// The maximum inputs of one node, and attributes of one list.
  private static let inputLimit = 1024
  private static let attributeLimit = 64
  /// The maximum bytes of a name in the text, in which every byte may be an escape.
  private static let nameLimit = 6 * 255 + 6
  /// The same for an attribute's string.
  private static let textLimit = 6 * 65_536

  private let registry: Registry
  private let file: SafetensorsFile
  private var graph = Graph()
  private var dtype = DType.float32
  /// The number of items that lists of attributes may still have.
  private var itemsLeft: Int

  private init(_ file: SafetensorsFile, _ registry: Registry, itemsLeft: Int) {
    self.file = file
    self.registry = registry
    self.itemsLeft = itemsLeft
  }

  /// Makes the model described by a file's graph; its parameters are zero, each with a tensor in the file.
  static func model(
    _ text: String, _ file: SafetensorsFile, registry: Registry
  ) throws(DenpaError) -> Model {
    var text = text
    let result: Result<Model, DenpaError> = text.withUTF8 { bytes in
      do throws(DenpaError) {
        var reader = GraphReader(file, registry, itemsLeft: JSON.valueLimit(byteCount: bytes.count))
        return .success(try reader.read(try JSONScanner(UnsafeRawBufferPointer(bytes))))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Returns the file's tensor for a parameter.
  static func tensor(_ name: String, _ type: TensorType, in file: SafetensorsFile) throws(DenpaError)
    -> TensorEntry
  {
    guard let tensor = file[name] else { throw DenpaError(.badFile, "the file has no tensor \"\(name)\"") }
    guard tensor.type == type else {
      throw DenpaError(
        .badFile,
        "tensor \"\(name)\": expected \(type.dtype) \(type.shape), got \(tensor.type.dtype) \(tensor.type.shape)"
      )
    }
    return tensor
  }

  // MARK: The graph

  private mutating func read(_ text: JSONScanner) throws(DenpaError) -> Model {
    var scanner = text
    let members = try GraphReader.members(
      &scanner, texts: ["dtype", "seed"], lists: ["nodes", "outputs", "frozen"])
    try scanner.end()
    guard let dtypeName = members.texts["dtype"], let seed = members.texts["seed"].flatMap({ UInt64($0) }),
      var nodes = members.lists["nodes"], var outputs = members.lists["outputs"],
      var frozen = members.lists["frozen"]
    else {
      throw DenpaError(
        .badFile, "the model's graph lacks one of \"dtype\", \"seed\", \"nodes\", \"outputs\", \"frozen\"")
    }
    var nodeCount = 0
    var walk = nodes
    var rest = try walk.beginArray()
    while try walk.nextElement(&rest) {
      nodeCount += 1
      guard nodeCount <= Graph.maximumNodes else {
        throw walk.fail("a graph has at most \(Graph.maximumNodes) nodes")
      }
      try walk.skip()
    }
    dtype = try DType(named: dtypeName)
    graph.reserveCapacity(nodeCount)
    rest = try nodes.beginArray()
    while try nodes.nextElement(&rest) { try readNode(&nodes) }
    var values: [ValueID] = []
    rest = try outputs.beginArray()
    while try outputs.nextElement(&rest) {
      guard values.count < Graph.maximumOutputs else {
        throw outputs.fail("a model has at most \(Graph.maximumOutputs) outputs")
      }
      values.append(try value(&outputs))
    }
    let model = try Model(zeroed: graph, outputs: values, dtype: dtype, seed: seed)
    rest = try frozen.beginArray()
    while try frozen.nextElement(&rest) {
      try model.setTrainable(try frozen.string(limit: 2 * GraphReader.nameLimit), false)
    }
    return model
  }

  /// Reads a value: its node's name, followed by ":1", ":2" … for the outputs after the first.
  private func value(_ scanner: inout JSONScanner) throws(DenpaError) -> ValueID {
    let reference = try scanner.string(limit: GraphReader.nameLimit + 6)
    let parts = reference.split(separator: ":", omittingEmptySubsequences: false)
    let port = parts.count == 2 ? Int(parts[1]) : 0
    guard let name = parts.first, parts.count <= 2, let port, let index = graph.node(named: String(name)),
      graph.nodes[index].outputs.indices.contains(port)
    else {
      throw DenpaError(.badFile, "the model's graph speaks of a value \"\(reference)\" that is not there")
    }
    return graph.nodes[index].outputs[port]
  }

  /// Reads an object's members, texts and the positions of lists, in any order; a list is read once the
  /// values it depends on are known. Other members are ignored.
  private static func members(
    _ scanner: inout JSONScanner, texts: [String], lists: [String]
  ) throws(DenpaError) -> (texts: [String: String], lists: [String: JSONScanner]) {
    var found: (texts: [String: String], lists: [String: JSONScanner]) = ([:], [:])
    var members = try scanner.beginObject()
    while let key = try scanner.nextKey(&members) {
      guard found.texts[key] == nil, found.lists[key] == nil else { throw scanner.fail("\"\(key)\" twice") }
      if texts.contains(key) {
        found.texts[key] = try scanner.string(limit: nameLimit)
      } else {
        if lists.contains(key) { found.lists[key] = scanner }
        try scanner.skip()
      }
    }
    return found
  }

  private mutating func readNode(_ scanner: inout JSONScanner) throws(DenpaError) {
    let members = try GraphReader.members(
      &scanner, texts: ["name", "kind", "dtype", "shares"],
      lists: ["version", "shape", "attributes", "inputs"])
    guard let name = members.texts["name"], let kind = members.texts["kind"] else {
      throw DenpaError(.badFile, "a node of the model's graph has no name or no kind")
    }
    if kind == "input" {
      guard let dtype = members.texts["dtype"], var shape = members.lists["shape"] else {
        throw DenpaError(.badFile, "input \"\(name)\" has no dtype or no shape")
      }
      let extents = try GraphReader.extents(&shape)
      _ = try graph.addInput(
        name: name, dtype: try DType(named: dtype), sample: try Shape(checking: extents, open: true))
      return
    }
    let spec = try registry.layer(kind).spec
    guard var number = members.lists["version"], var attributes = members.lists["attributes"],
      var inputs = members.lists["inputs"]
    else { throw DenpaError(.badFile, "\(kind) \"\(name)\" lacks its version, attributes or inputs") }
    let version = try number.integer()
    guard version <= spec.version else {
      throw DenpaError(
        .notSupported,
        "\(kind) \"\(name)\" is of version \(version); this library knows version \(spec.version)")
    }
    var values: [ValueID] = []
    var elements = try inputs.beginArray()
    while try inputs.nextElement(&elements) {
      guard values.count < GraphReader.inputLimit else {
        throw inputs.fail("\(kind) \"\(name)\" has more than \(GraphReader.inputLimit) inputs")
      }
      values.append(try value(&inputs))
    }
    let given = try list(&attributes, spec.attributes, "\(kind) \"\(name)\"")
    if let owner = members.texts["shares"] {
      try checkShared(owner, kind, given, spec, "\(kind) \"\(name)\"")
      _ = try graph.share(owner, name: name, inputs: values, registry: registry)
      return
    }
    _ = try graph.add(kind, name: name, attributes: given, inputs: values, registry: registry)
    // Before the next node: a graph whose tensors are missing fails at its first node.
    for parameter in graph.nodes.last?.parameters ?? [] {
      _ = try GraphReader.tensor("\(name).\(parameter.name)", TensorType(dtype, parameter.shape), in: file)
    }
  }

  /// Checks that a node can share the parameters of `owner`: that it is of the same kind and has the same
  /// attributes.
  private func checkShared(
    _ owner: String, _ kind: String, _ given: [NamedAttribute], _ spec: LayerSpec, _ label: Message
  ) throws(DenpaError) {
    guard let index = graph.node(named: owner), graph.nodes[index].kind == kind else {
      throw DenpaError(
        .badFile, "\(label) shares the parameters of \"\(owner)\", which is no \(kind) before it")
    }
    // As text, in which NaN equals NaN.
    let attributes = try Attributes(checking: given, against: spec.attributes, owner: label).items
    let known = graph.nodes[index].attributes
    guard try GraphCoding.encode(attributes).text() == GraphCoding.encode(known).text() else {
      throw DenpaError(
        .badFile, "\(label) shares the parameters of \"\(owner)\", which has other attributes")
    }
  }

  private static func extents(_ scanner: inout JSONScanner) throws(DenpaError) -> [Int] {
    var extents: [Int] = []
    var elements = try scanner.beginArray()
    while try scanner.nextElement(&elements) {
      guard extents.count < Shape.maximumRank else {
        throw scanner.fail("more than \(Shape.maximumRank) axes")
      }
      extents.append(Int(try scanner.integer()))
    }
    return extents
  }

  // MARK: Attributes

  /// Reads an object of attributes. With a schema, a name that is not in it is an error.
  private mutating func list(
    _ scanner: inout JSONScanner, _ schema: [AttributeSpec]?, _ owner: Message
  ) throws(DenpaError) -> [NamedAttribute] {
    var result: [NamedAttribute] = []
    var members = try scanner.beginObject()
    while let key = try scanner.nextKey(&members) {
      guard result.count < GraphReader.attributeLimit else {
        throw scanner.fail("\(owner) has more than \(GraphReader.attributeLimit) attributes")
      }
      let known = schema?.first { $0.name == key }
      guard schema == nil || known != nil else {
        throw scanner.fail("\(owner): unknown attribute \"\(key)\"")
      }
      guard !result.contains(where: { $0.name == key }) else {
        throw scanner.fail("\(owner): attribute \"\(key)\" twice")
      }
      result.append(NamedAttribute(key, try attribute(&scanner, as: known?.type)))
    }
    return result
  }

  /// Reads an attribute's value; its type decides what is ambiguous (1 or 1.0, the items of an empty list).
  private mutating func attribute(
    _ scanner: inout JSONScanner, as type: AttributeType?
  ) throws(DenpaError) -> AttributeValue {
    switch scanner.next() {
    case UInt8(ascii: "["): return try items(&scanner, as: type)
    case UInt8(ascii: "{"): return try composite(&scanner)
    case UInt8(ascii: "t"):
      try scanner.literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try scanner.literal("false")
      return .bool(false)
    case UInt8(ascii: "\"") where type != .float:
      return .string(try scanner.string(limit: GraphReader.textLimit))
    default:
      guard type != .float else { return .float(try GraphReader.double(&scanner)) }
      let start = scanner
      if case .integer(let number) = try scanner.number() { return .int(Int(number)) }
      scanner = start
      return .float(try GraphReader.double(&scanner))
    }
  }

  /// Reads a list in two passes: its memory is known before any is allocated.
  private mutating func items(
    _ scanner: inout JSONScanner, as type: AttributeType?
  ) throws(DenpaError) -> AttributeValue {
    var count = 0
    var isText = type == .strings
    var isWhole = type != .floats
    var walk = scanner
    var members = try walk.beginArray()
    while try walk.nextElement(&members) {
      count += 1
      if walk.next() == UInt8(ascii: "\"") {
        isText = isText || type != .floats
        try walk.skip()
      } else if case .number = try walk.number() {
        isWhole = false
      }
    }
    guard count <= itemsLeft else { throw scanner.fail("too many values for the length of the text") }
    itemsLeft -= count
    members = try scanner.beginArray()
    if isText {
      var texts: [String] = []
      texts.reserveCapacity(count)
      while try scanner.nextElement(&members) {
        texts.append(try scanner.string(limit: GraphReader.textLimit))
      }
      return .strings(texts)
    }
    if isWhole {
      var numbers: [Int] = []
      numbers.reserveCapacity(count)
      while try scanner.nextElement(&members) { numbers.append(Int(try scanner.integer())) }
      return .ints(numbers)
    }
    var numbers: [Double] = []
    numbers.reserveCapacity(count)
    while try scanner.nextElement(&members) { numbers.append(try GraphReader.double(&scanner)) }
    return .floats(numbers)
  }

  /// Reads a number, or one of the strings that represent NaN and the infinities.
  private static func double(_ scanner: inout JSONScanner) throws(DenpaError) -> Double {
    let start = scanner
    let value =
      scanner.next() == UInt8(ascii: "\"") ? JSON.string(try scanner.string(limit: 8)) : try scanner.number()
    guard let number = value.double else { throw start.fail("expected a number that float64 holds") }
    return number
  }

  /// Reads a kind with its own attributes, or a tensor.
  private mutating func composite(_ scanner: inout JSONScanner) throws(DenpaError) -> AttributeValue {
    var kind: String?
    var attributes: [NamedAttribute]?
    var shape: [Int]?
    var elements: [Double]?
    var members = try scanner.beginObject()
    while let key = try scanner.nextKey(&members) {
      switch key {
      case "kind" where kind == nil: kind = try scanner.string(limit: GraphReader.nameLimit)
      case "attributes" where attributes == nil: attributes = try list(&scanner, nil, "an attribute")
      case "shape" where shape == nil: shape = try GraphReader.extents(&scanner)
      case "elements" where elements == nil:
        if case .floats(let numbers) = try items(&scanner, as: .floats) { elements = numbers }
      default: throw scanner.fail("\"\(key)\" in an attribute")
      }
    }
    if let kind, let attributes { return .spec(Spec(kind, attributes)) }
    guard let shape, let elements else {
      throw scanner.fail("an attribute that is neither a tensor nor a kind")
    }
    let checked = try Shape(checking: shape)
    guard !checked.isBatched, checked.count == elements.count else {
      throw scanner.fail("an attribute of shape \(checked) with \(elements.count) elements")
    }
    return .tensor(TensorLiteral(shape: checked, elements: elements))
  }
}
