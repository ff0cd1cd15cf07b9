import CDenpa
import DenpaCore
import DenpaGraph

/// The attribute schema of a plugin's layer.
enum PluginSchema {
  static func read(_ layer: denpa_layer) throws(DenpaError) -> [AttributeSpec] {
    var result: [AttributeSpec] = []
    for index in 0..<Int(layer.attribute_count) {
      let spec = try readOne(layer.attributes?[index], "attribute \(index)")
      guard !result.contains(where: { $0.name == spec.name }) else {
        throw DenpaError(.badPlugin, "two attributes are named \"\(spec.name)\"")
      }
      result.append(spec)
    }
    return result
  }

  private static func readOne(
    _ pointer: UnsafePointer<denpa_attribute_spec>?, _ position: Message
  ) throws(DenpaError) -> AttributeSpec {
    let given = try PluginStruct.read(pointer, "denpa_attribute_spec", position)
    let name = try CText.readIdentifier(given.name, "\(position): its name")
    let owner: Message = "attribute \"\(name)\""
    guard let type = AttributeType(code: given.type) else {
      throw DenpaError(.badPlugin, "\(owner): its type is \(given.type): expected DENPA_ATTRIBUTE_INT, ...")
    }
    guard given.minimum <= given.maximum else {
      throw DenpaError(.badPlugin, "\(owner): minimum is \(given.minimum), maximum \(given.maximum)")
    }
    let isBounded = given.minimum != 0 || given.maximum != 0
    let result = AttributeSpec(
      name, type, default: given.required != 0 ? nil : try defaultValue(given, type, owner),
      minimum: isBounded ? given.minimum : nil, maximum: isBounded ? given.maximum : nil,
      given.summary == nil ? "" : try CText.read(given.summary, limit: CText.limit, "\(owner): its summary"))
    guard let value = result.defaultValue else { return result }
    // A default outside its own bounds would be refused at the first use that relies on it.
    _ = try Attributes(checking: [NamedAttribute(name, value)], against: [result], owner: "the default")
    return result
  }

  private static func defaultValue(
    _ given: denpa_attribute_spec, _ type: AttributeType, _ owner: Message
  ) throws(DenpaError) -> AttributeValue {
    var value = given.default_value
    if value.count == 0 {
      switch type {
      case .string: return .string("")
      case .ints: return .ints([])
      case .floats: return .floats([])
      case .strings: return .strings([])
      case .tensor: return .tensor(TensorLiteral(shape: [0], elements: []))
      case .spec: return .spec(Spec(""))
      case .int, .float, .bool: break
      }
    }
    guard value.type == type.code else {
      throw DenpaError(
        .badPlugin,
        "\(owner): it is not required and its default_value has type \(value.type), not \(type.code): write denpa_\(type.rawValue)(NULL, ...), or set required"
      )
    }
    value.name = nil
    return try AttributeReader.value(value, "\(owner): its default")
  }
}

/// The samples with which a plugin's layer is proved.
enum PluginSamples {
  /// A proof runs each forward thousands of times.
  static let maximumElements = 65_536
  static let maximumRows = 64

  static func read(_ layer: denpa_layer, _ schema: [AttributeSpec]) throws(DenpaError) -> [Sample] {
    var result: [Sample] = []
    for index in 0..<Int(layer.sample_count) {
      result.append(try readOne(layer.samples?[index], layer, schema, "sample \(index)"))
    }
    return result
  }

  private static func readOne(
    _ pointer: UnsafePointer<denpa_sample>?, _ layer: denpa_layer, _ schema: [AttributeSpec], _ owner: Message
  ) throws(DenpaError) -> Sample {
    let given = try PluginStruct.read(pointer, "denpa_sample", owner)
    let attributes = try AttributeReader.list(given.attributes, owner)
    _ = try Attributes(checking: attributes, against: schema, owner: owner)
    guard given.input_count == layer.input_count, let inputs = given.inputs else {
      throw DenpaError(
        .badPlugin, "\(owner): it has \(given.input_count) input(s), the layer \(layer.input_count)")
    }
    var types: [TensorType] = []
    var values: [[Double]?] = []
    for index in 0..<Int(given.input_count) {
      let name: Message = "\(owner): input \(index)"
      guard let tensor = inputs[index] else { throw DenpaError(.badPlugin, "\(name) is NULL") }
      let type = try TensorReader.type(tensor.pointee, name)
      guard type.shape.rank > 0, (1...maximumRows).contains(type.shape[0]),
        type.shape[0] == types.first?.shape[0] ?? type.shape[0]
      else {
        throw DenpaError(
          .badPlugin,
          "\(name) has shape \(type.shape): expected the same number of rows, 1 to \(maximumRows), in dim[0] of each input"
        )
      }
      guard type.shape.count <= maximumElements else {
        throw DenpaError(.badPlugin, "\(name) has shape \(type.shape): at most \(maximumElements) elements")
      }
      values.append(
        tensor.pointee.data == nil ? nil : try AttributeReader.elements(tensor.pointee, type, name))
      types.append(type.dtype.isFloat ? TensorType(.float32, type.shape) : type)
    }
    guard given.low <= given.high, given.low.isFinite, given.high.isFinite else {
      throw DenpaError(.badPlugin, "\(owner): low is \(given.low), high \(given.high)")
    }
    guard (0...64).contains(given.avoid_count), given.avoid_count == 0 || given.avoid != nil else {
      throw DenpaError(
        .badPlugin, "\(owner): avoid_count is \(given.avoid_count): expected 0 to 64 values at avoid")
    }
    guard given.classes >= 0, given.classes <= 1 << 31 else {
      throw DenpaError(.badPlugin, "\(owner): classes is \(given.classes)")
    }
    let isUnset = given.low == 0 && given.high == 0
    var sample = Sample(
      attributes, inputs: types, range: isUnset ? -2...2 : given.low...given.high,
      avoid: (0..<Int(given.avoid_count)).compactMap { given.avoid?[$0] }, classes: max(Int(given.classes), 1)
    )
    sample.values = values
    return sample
  }
}
