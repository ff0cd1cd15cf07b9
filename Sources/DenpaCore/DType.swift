/// The element types. Raw values are DLPack's: type code in the low byte, bits in the next.
public enum DType: Int32, Sendable, CaseIterable {
  case float32 = 0x2002
  case float64 = 0x4002
  case int32 = 0x2000
  case int64 = 0x4000
  case uint8 = 0x0801

  public var size: Int {
    switch self {
    case .float32, .int32: 4
    case .float64, .int64: 8
    case .uint8: 1
    }
  }

  public var isFloat: Bool { self == .float32 || self == .float64 }

  public var name: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    }
  }

  public init(named name: String) throws(DenpaError) {
    for dtype in DType.allCases where dtype.name == name {
      self = dtype
      return
    }
    throw DenpaError(.badDType, "unknown dtype \"\(name)\"; known are float32, float64, int32, int64, uint8")
  }
}
