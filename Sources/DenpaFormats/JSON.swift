import DenpaCore

/// A JSON document (RFC 8259): the graph and the settings of a model, in the metadata of its file.
///
/// JSON has no NaN and no infinity. They are written as the strings "nan", "inf" and "-inf", and `double`
/// reads those back as numbers. A tree is made for what is written; what is read comes from a `JSONScanner`,
/// without one.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent, exact.
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// Arrays and objects inside one another, the outermost included.
  public static let depthLimit = 64

  /// The largest number of values in a text of so many bytes. A value needs only 2 bytes of text and up to 16
  /// bytes of memory, so a hostile text is refused before it costs memory out of proportion.
  public static func valueLimit(byteCount: Int) -> Int { min(65_536 + byteCount / 8, 1 << 21) }
}

/// The members of an object in the order of the text; no key twice.
public struct JSONObject: Sendable, Equatable {
  public struct Member: Sendable, Equatable {
    public let key: String
    public var value: JSON
  }

  public private(set) var members: [Member] = []

  public init() {}

  /// A search through all members: meant for objects with a handful of them. Setting an absent key appends
  /// it, setting `nil` removes it.
  public subscript(key: String) -> JSON? {
    get { members.first { $0.key == key }?.value }
    set {
      switch (members.firstIndex { $0.key == key }, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(key: key, value: value))
      case (nil, nil): break
      }
    }
  }
}

// MARK: - Numbers

extension JSON {
  /// A number, an integer that float64 holds exactly, or one of the strings that stand for NaN and the
  /// infinities.
  public var double: Double? {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(exactly: value)
    case .string("nan"): .nan
    case .string("inf"): .infinity
    case .string("-inf"): -.infinity
    default: nil
    }
  }
}

// MARK: - Building

extension JSON {
  public static func integers(_ values: some Sequence<some BinaryInteger>) -> JSON {
    .array(values.map { .integer(Int64(clamping: $0)) })
  }

  public static func numbers(_ values: some Sequence<Double>) -> JSON { .array(values.map { .number($0) }) }

  public static func strings(_ values: some Sequence<String>) -> JSON { .array(values.map { .string($0) }) }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }

  /// Where a key stands twice, the last value counts.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
