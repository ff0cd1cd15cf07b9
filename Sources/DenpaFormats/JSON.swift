import DenpaCore

/// A JSON document (RFC 8259): the graph and the settings of a model, in the metadata of its file.
///
/// JSON has no NaN and no infinity. They are written as the strings "nan", "inf" and "-inf", which `double`
/// reads back as numbers. Trees are only built for writing; reading uses a `JSONScanner`, without one.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent, exact.
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// The maximum nesting of arrays and objects, including the outermost.
  public static let depthLimit = 64

  /// Returns the maximum number of values in a text of `byteCount` bytes. A value needs only 2 bytes of text
  /// and up to 16 bytes of memory, so a hostile text is refused before it costs disproportionate memory.
  public static func valueLimit(byteCount: Int) -> Int { min(65_536 + byteCount / 8, 1 << 21) }
}

/// The members of an object in the order of the text, with unique keys.
public struct JSONObject: Sendable, Equatable {
  public struct Member: Sendable, Equatable {
    public let key: String
    public var value: JSON
  }

  public private(set) var members: [Member] = []

  public init() {}

  /// A linear search, meant for objects with a handful of members. Setting an absent key appends it, setting
  /// `nil` removes it.
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
  /// The value of a number, of an integer that float64 holds exactly, or of a string for NaN or an infinity.
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

  /// The last value of a repeated key counts.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
