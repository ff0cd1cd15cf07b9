import CDenpa
import DenpaCore
import DenpaGraph

extension AttributeType {
  /// DENPA_ATTRIBUTE_...
  var code: Int32 {
    switch self {
    case .int: DENPA_ATTRIBUTE_INT
    case .float: DENPA_ATTRIBUTE_FLOAT
    case .bool: DENPA_ATTRIBUTE_BOOL
    case .string: DENPA_ATTRIBUTE_STRING
    case .ints: DENPA_ATTRIBUTE_INTS
    case .floats: DENPA_ATTRIBUTE_FLOATS
    case .strings: DENPA_ATTRIBUTE_STRINGS
    case .tensor: DENPA_ATTRIBUTE_TENSOR
    case .spec: DENPA_ATTRIBUTE_SPEC
    }
  }

  init?(code: Int32) {
    for type in AttributeType.all where type.code == code {
      self = type
      return
    }
    return nil
  }

  private static let all: [AttributeType] = [
    .int, .float, .bool, .string, .ints, .floats, .strings, .tensor, .spec,
  ]
}

/// Attributes from outside, copied and checked.
public enum AttributeReader {
  public static let maximumAttributes = 64
  /// The maximum items of a list.
  public static let maximumItems = 65_536
  /// The maximum elements of a tensor: 4 MiB as float64. Larger arrays are parameters, not options.
  public static let maximumElements = 1 << 19
  /// A schedule may hold a schedule; four levels are more than anyone needs.
  static let maximumDepth = 4

  /// Reads a list that ends with an entry whose name is NULL; NULL is the empty list.
  public static func list(
    _ attributes: UnsafePointer<denpa_attribute>?, _ owner: Message
  ) throws(DenpaError) -> [NamedAttribute] {
    try list(attributes, owner, depth: 0)
  }

  /// Reads a kind with its own attributes.
  public static func spec(_ spec: denpa_spec, _ owner: Message) throws(DenpaError) -> Spec {
    try self.spec(spec, owner, depth: 0)
  }

  private static func list(
    _ attributes: UnsafePointer<denpa_attribute>?, _ owner: Message, depth: Int
  ) throws(DenpaError) -> [NamedAttribute] {
    guard let attributes else { return [] }
    guard depth < maximumDepth else {
      throw DenpaError(
        .limitExceeded, "\(owner): attributes stand more than \(maximumDepth) deep inside each other")
    }
    var result: [NamedAttribute] = []
    while let namePointer = attributes[result.count].name {
      guard result.count < maximumAttributes else {
        throw DenpaError(
          .limitExceeded,
          "\(owner): more than \(maximumAttributes) attributes; does the list end with denpa_end()?")
      }
      let attribute = attributes[result.count]
      let name = try CText.read(namePointer, limit: CText.nameLimit, "\(owner): the name of an attribute")
      result.append(
        NamedAttribute(name, try value(attribute, "\(owner): attribute \"\(name)\"", depth: depth)))
    }
    return result
  }

  private static func spec(_ spec: denpa_spec, _ owner: Message, depth: Int) throws(DenpaError) -> Spec {
    let kind = try CText.read(spec.kind, limit: CText.nameLimit, "\(owner): the kind")
    return Spec(kind, try list(spec.attributes, "\(owner) \"\(kind)\"", depth: depth + 1))
  }

  /// Returns the value of one entry, ignoring its name.
  static func value(_ attribute: denpa_attribute, _ owner: Message, depth: Int = 0) throws(DenpaError)
    -> AttributeValue
  {
    guard let type = AttributeType(code: attribute.type) else {
      throw DenpaError(.badArgument, "\(owner) has the unknown type \(attribute.type)")
    }
    guard attribute.reserved0 == 0, attribute.reserved == 0 else {
      throw DenpaError(
        .badArgument, "\(owner): reserved fields must be 0: make it with denpa_\(type.rawValue)()")
    }
    switch type {
    case .int: return .int(Int(attribute.value.i))
    case .float: return .float(attribute.value.f)
    case .bool: return .bool(attribute.value.i != 0)
    case .string: return .string(try CText.read(attribute.value.s, limit: CText.limit, owner))
    case .ints: return .ints(try items(attribute.value.ints, attribute.count, owner).map(Int.init))
    case .floats: return .floats(try items(attribute.value.floats, attribute.count, owner))
    case .strings:
      var texts: [String] = []
      for text in try items(attribute.value.strings, attribute.count, owner) {
        texts.append(try CText.read(text, limit: CText.nameLimit, owner))
      }
      return .strings(texts)
    case .tensor: return .tensor(try tensor(attribute.value.tensor, owner))
    case .spec: return .spec(try spec(attribute.value.spec, owner, depth: depth))
    }
  }

  private static func items<T>(_ items: UnsafePointer<T>?, _ count: Int64, _ owner: Message)
    throws(DenpaError) -> [T]
  {
    guard count >= 0 else { throw DenpaError(.badArgument, "\(owner) has \(count) items") }
    guard count <= maximumItems else {
      throw DenpaError(.limitExceeded, "\(owner) has \(count) items; at most \(maximumItems) are taken")
    }
    guard count > 0 else { return [] }
    guard let items else { throw DenpaError(.badArgument, "\(owner) has \(count) items at NULL") }
    return Array(UnsafeBufferPointer(start: items, count: Int(count)))
  }

  private static func tensor(_ tensor: UnsafePointer<denpa_tensor>?, _ owner: Message) throws(DenpaError)
    -> TensorLiteral
  {
    guard let tensor else { throw DenpaError(.badArgument, "\(owner) is NULL") }
    let type = try TensorReader.type(tensor.pointee, owner)
    return TensorLiteral(shape: type.shape, elements: try elements(tensor.pointee, type, owner))
  }

  /// Returns a tensor's elements as float64.
  static func elements(_ tensor: denpa_tensor, _ type: TensorType, _ owner: Message) throws(DenpaError)
    -> [Double]
  {
    let count = type.shape.count
    guard count <= maximumElements else {
      throw DenpaError(.limitExceeded, "\(owner) has \(count) elements; at most \(maximumElements) are taken")
    }
    guard count > 0 else { return [] }
    guard let data = tensor.data else {
      throw DenpaError(.badArgument, "\(owner): the tensor's data is NULL")
    }
    return [Double](unsafeUninitializedCapacity: count) { memory, written in
      if let base = memory.baseAddress { convert(data, type.dtype, to: base, .float64, count: count) }
      written = count
    }
  }
}
