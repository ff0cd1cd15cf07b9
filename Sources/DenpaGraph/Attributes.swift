import DenpaCore

/// The types that an option of a layer, optimizer or initializer may have.
public enum AttributeType: String, Sendable {
  case int, float, bool, string, ints, floats, strings, tensor, spec
}

/// A kind with its own attributes as the value of an option: an initializer.
public struct Spec: Sendable, Equatable {
  public var kind: String
  public var attributes: [NamedAttribute]

  public init(_ kind: String, _ attributes: [NamedAttribute] = []) {
    self.kind = kind
    self.attributes = attributes
  }
}

public struct NamedAttribute: Sendable, Equatable {
  public var name: String
  public var value: AttributeValue

  public init(_ name: String, _ value: AttributeValue) {
    self.name = name
    self.value = value
  }
}

/// A small tensor given as an option, with its elements as float64.
public struct TensorLiteral: Sendable, Equatable {
  public var shape: Shape
  public var elements: [Double]

  public init(shape: Shape, elements: [Double]) {
    self.shape = shape
    self.elements = elements
  }
}

public enum AttributeValue: Sendable, Equatable {
  case int(Int)
  case float(Double)
  case bool(Bool)
  case string(String)
  case ints([Int])
  case floats([Double])
  case strings([String])
  case tensor(TensorLiteral)
  case spec(Spec)

  public var type: AttributeType {
    switch self {
    case .int: .int
    case .float: .float
    case .bool: .bool
    case .string: .string
    case .ints: .ints
    case .floats: .floats
    case .strings: .strings
    case .tensor: .tensor
    case .spec: .spec
    }
  }
}

/// The description of an option: its type, its default and its permitted values.
public struct AttributeSpec: Sendable {
  public var name: String
  public var type: AttributeType
  /// nil: the option is required.
  public var defaultValue: AttributeValue?
  public var minimum: Double?
  public var maximum: Double?
  /// The permitted strings, or kinds of a spec; empty: any.
  public var choices: [String]
  /// What a spec describes: initializers, or layers.
  public var category: String
  public var summary: String

  public init(
    _ name: String, _ type: AttributeType, default defaultValue: AttributeValue? = nil,
    minimum: Double? = nil,
    maximum: Double? = nil, choices: [String] = [], category: String = "initializers", _ summary: String
  ) {
    self.name = name
    self.type = type
    self.defaultValue = defaultValue
    self.minimum = minimum
    self.maximum = maximum
    self.choices = choices
    self.category = category
    self.summary = summary
  }

  /// Returns a value converted to the option's type (an int to a float, an initializer's name to a spec).
  /// Throws if the value is not permitted.
  func checked(_ value: AttributeValue, owner: Message) throws(DenpaError) -> AttributeValue {
    var value = value
    switch (type, value) {
    case (.float, .int(let number)): value = .float(Double(number))
    case (.floats, .ints(let numbers)): value = .floats(numbers.map(Double.init))
    case (.spec, .string(let kind)): value = .spec(Spec(kind))
    default: break
    }
    guard value.type == type else {
      throw DenpaError(
        .badArgument,
        "\(owner): attribute \"\(name)\" expects \(type.rawValue), got \(value.type.rawValue)")
    }
    switch value {
    case .int(let number): try checkBounds(Double(number), owner)
    case .float(let number): try checkBounds(number, owner)
    case .ints(let numbers): for number in numbers { try checkBounds(Double(number), owner) }
    case .floats(let numbers): for number in numbers { try checkBounds(number, owner) }
    case .string(let text): try checkChoice(text, owner)
    case .spec(let spec): try checkChoice(spec.kind, owner)
    case .bool, .strings, .tensor: break
    }
    return value
  }

  private func checkChoice(_ text: String, _ owner: Message) throws(DenpaError) {
    guard choices.isEmpty || choices.contains(text) else {
      throw DenpaError(
        .badArgument,
        "\(owner): attribute \"\(name)\" expects one of \(list: choices, limit: 32), got \"\(text)\"")
    }
  }

  private func checkBounds(_ number: Double, _ owner: Message) throws(DenpaError) {
    if let minimum, !(number >= minimum) {
      throw DenpaError(
        .badArgument, "\(owner): attribute \"\(name)\" expects at least \(text(minimum)), got \(text(number))"
      )
    }
    if let maximum, !(number <= maximum) {
      throw DenpaError(
        .badArgument, "\(owner): attribute \"\(name)\" expects at most \(text(maximum)), got \(text(number))")
    }
  }

  /// Formats a number, without a fraction if it is a whole number of an integer option.
  private func text(_ number: Double) -> String {
    if type == .int || type == .ints, let whole = Int(exactly: number) { "\(whole)" } else { "\(number)" }
  }
}

/// Checked options: all those of the schema, in its order, with defaults filled in.
///
/// The accessors return a neutral value for a name that is not in the schema. Only a defect of the layer can
/// cause this, never a caller, and the conformance suite would find it at once.
public struct Attributes: Sendable, Equatable {
  public let items: [NamedAttribute]

  public init(
    checking given: [NamedAttribute], against schema: [AttributeSpec], owner: Message
  ) throws(DenpaError) {
    for (index, attribute) in given.enumerated() {
      guard schema.contains(where: { $0.name == attribute.name }) else {
        let known = schema.map(\.name)
        throw DenpaError(
          .badArgument,
          known.isEmpty
            ? "\(owner): unknown attribute \"\(attribute.name)\"; it has none"
            : "\(owner): unknown attribute \"\(attribute.name)\"; known are \(list: known)")
      }
      guard !given[..<index].contains(where: { $0.name == attribute.name }) else {
        throw DenpaError(.badArgument, "\(owner): attribute \"\(attribute.name)\" is given twice")
      }
    }
    var items: [NamedAttribute] = []
    for spec in schema {
      if let found = given.first(where: { $0.name == spec.name }) {
        items.append(NamedAttribute(spec.name, try spec.checked(found.value, owner: owner)))
      } else if let value = spec.defaultValue {
        items.append(NamedAttribute(spec.name, value))
      } else {
        throw DenpaError(
          .badArgument, "\(owner): attribute \"\(spec.name)\" (\(spec.type.rawValue)) is required and missing"
        )
      }
    }
    self.items = items
  }

  public subscript(name: String) -> AttributeValue? { items.first { $0.name == name }?.value }

  public func int(_ name: String) -> Int { if case .int(let value)? = self[name] { value } else { 0 } }
  public func ints(_ name: String) -> [Int] { if case .ints(let value)? = self[name] { value } else { [] } }
  public func floats(_ name: String) -> [Double] {
    if case .floats(let value)? = self[name] { value } else { [] }
  }
  public func float(_ name: String) -> Double { if case .float(let value)? = self[name] { value } else { 0 } }
  public func bool(_ name: String) -> Bool { if case .bool(let value)? = self[name] { value } else { false } }
  public func string(_ name: String) -> String {
    if case .string(let value)? = self[name] { value } else { "" }
  }
  public func spec(_ name: String) -> Spec {
    if case .spec(let value)? = self[name] { value } else { Spec("zeros") }
  }
  public func tensor(_ name: String) -> TensorLiteral? {
    if case .tensor(let value)? = self[name] { value } else { nil }
  }
}
