import CShim

/// The reason a call failed. The raw values are the ABI's status codes (include/denpa_types.h) and never
/// change their meaning.
public enum Status: Int32, Error, Sendable, CaseIterable {
  case ok = 0
  case badHandle = 1
  case badArgument = 2
  case badShape = 3
  case badDType = 4
  case notFound = 5
  case alreadyExists = 6
  case outOfMemory = 7
  case limitExceeded = 8
  case badState = 9
  case busy = 10
  case ioError = 11
  case badFile = 12
  case badPlugin = 13
  case proofFailed = 14
  case layerFailed = 15
  case notFinite = 16
  case stopped = 17
  case endOfData = 18
  case notSupported = 19
  case internalError = 20
  case notRegistered = 21
  case callbackFailed = 22

  /// The status's name in the headers.
  public var name: StaticString {
    switch self {
    case .ok: "DENPA_OK"
    case .badHandle: "DENPA_BAD_HANDLE"
    case .badArgument: "DENPA_BAD_ARGUMENT"
    case .badShape: "DENPA_BAD_SHAPE"
    case .badDType: "DENPA_BAD_DTYPE"
    case .notFound: "DENPA_NOT_FOUND"
    case .alreadyExists: "DENPA_ALREADY_EXISTS"
    case .outOfMemory: "DENPA_OUT_OF_MEMORY"
    case .limitExceeded: "DENPA_LIMIT_EXCEEDED"
    case .badState: "DENPA_BAD_STATE"
    case .busy: "DENPA_BUSY"
    case .ioError: "DENPA_IO_ERROR"
    case .badFile: "DENPA_BAD_FILE"
    case .badPlugin: "DENPA_BAD_PLUGIN"
    case .proofFailed: "DENPA_PROOF_FAILED"
    case .layerFailed: "DENPA_LAYER_FAILED"
    case .notFinite: "DENPA_NOT_FINITE"
    case .stopped: "DENPA_STOPPED"
    case .endOfData: "DENPA_END_OF_DATA"
    case .notSupported: "DENPA_NOT_SUPPORTED"
    case .internalError: "DENPA_INTERNAL_ERROR"
    case .notRegistered: "DENPA_NOT_REGISTERED"
    case .callbackFailed: "DENPA_CALLBACK_FAILED"
    }
  }
}

/// The engine's only error: a status and a text that names the node, what was expected and what was given.
///
/// Two words, because every call that throws has code to pass it on: with the text inline that was a tenth of
/// the library. The text is in the reserve, not in the C library's memory: a real-time session can reject bad
/// input, and a call can report that memory ran out, without allocating.
public struct DenpaError: Error, Sendable {
  public let status: Status
  public var message: Message { text.message }
  private let text: Text

  private final class Text: Sendable {
    let message: Message
    init(_ message: Message) { self.message = message }
  }

  // Never inlined, like everything that makes messages: it runs once per failure, but its code would be in a
  // thousand places.
  @inline(never)
  public init(_ status: Status, _ message: Message) {
    self.status = status
    denpa_shim_prefer_reserve(1)
    text = Text(message)
    denpa_shim_prefer_reserve(0)
  }

  /// Returns the error with what it is about in front: "dense "hidden": …".
  @inline(never)
  public func inside(_ owner: Message) -> DenpaError { DenpaError(status, "\(owner): \(message)") }

  /// Returns the error of a failed allocation of `what`.
  public static func outOfMemory(_ what: StaticString) -> DenpaError {
    DenpaError(.outOfMemory, "out of memory for \(what)")
  }
}

extension DenpaError: CustomStringConvertible {
  public var description: String { message.description }
}

/// At most 511 bytes of UTF-8, stored inline; longer text is cut at a character boundary.
public struct Message: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
  public static let capacity = 512
  // Eight vectors rather than 512 bytes, because the compiler copies a struct field by field.
  private typealias Eighth = SIMD64<UInt8>
  private var bytes: (Eighth, Eighth, Eighth, Eighth, Eighth, Eighth, Eighth, Eighth) = (
    .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero
  )
  public private(set) var count = 0

  public init() {}

  public init(stringLiteral value: String) {
    self.init()
    append(value)
  }

  public init(stringInterpolation: Message.Writer) { self = stringInterpolation.message }

  /// A message's interpolation: `"\(node): expected \(shape), got \(other)"`.
  public struct Writer: StringInterpolationProtocol {
    var message = Message()
    public init(literalCapacity: Int, interpolationCount: Int) {}
    @inline(never)
    public mutating func appendLiteral(_ literal: String) { message.append(literal) }
    @inline(never)
    public mutating func appendInterpolation(_ text: String) { message.append(text) }
    @inline(never)
    public mutating func appendInterpolation(_ text: StaticString) {
      text.withUTF8Buffer { message.append(UnsafeRawBufferPointer($0)) }
    }
    @inline(never)
    public mutating func appendInterpolation(_ number: some BinaryInteger) {
      message.append(Int64(clamping: number))
    }
    @inline(never)
    public mutating func appendInterpolation(_ other: Message) { message.append(other) }
    @inline(never)
    public mutating func appendInterpolation(_ dtype: DType) { message.append(dtype.name) }
    @inline(never)
    public mutating func appendInterpolation(_ shape: Shape) { message.append(shape) }
    /// Appends a C string from outside the engine, reading at most `Message.capacity` bytes.
    @inline(never)
    public mutating func appendInterpolation(cString: UnsafePointer<CChar>?) {
      guard let cString else { return message.append("(null)") }
      var length = 0
      while length < Message.capacity, cString[length] != 0 { length += 1 }
      message.append(UnsafeRawBufferPointer(start: cString, count: length))
    }
    @inline(never)
    public mutating func appendInterpolation(_ number: Double) { message.append("\(number)") }
    /// Appends `[a, b, c]`, cut after `limit` items.
    @inline(never)
    public mutating func appendInterpolation(list items: [String], limit: Int = 12) {
      for (index, item) in items.prefix(limit).enumerated() {
        if index > 0 { message.append(", ") }
        message.append(item)
      }
      if items.count > limit { message.append(", … (\(items.count) in all)") }
    }
  }

  @inline(never)
  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  @inline(never)
  public mutating func append(_ other: Message) {
    other.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  @inline(never)
  mutating func append(_ number: Int64) {
    if number < 0 { append(byte: UInt8(ascii: "-")) }
    var rest = number.magnitude
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var length = 0
    repeat {
      digits[length] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      length += 1
    } while rest > 0
    while length > 0 {
      length -= 1
      append(byte: digits[length])
    }
  }

  @inline(never)
  mutating func append(_ shape: Shape) {
    append(byte: UInt8(ascii: "("))
    for axis in 0..<shape.rank {
      if axis > 0 { append(", ") }
      switch shape[axis] {
      case Shape.batch: append("rows")
      case Shape.any: append("any")
      case let extent: append(Int64(extent))
      }
    }
    if shape.rank == 1 { append(byte: UInt8(ascii: ",")) }
    append(byte: UInt8(ascii: ")"))
  }

  @inline(never)
  mutating func append(byte: UInt8) {
    guard count < Message.capacity - 1 else { return }
    withUnsafeMutableBytes(of: &bytes) { $0[count] = byte }
    count += 1
  }

  @inline(never)
  public mutating func append(_ text: UnsafeRawBufferPointer) {
    var length = min(text.count, Message.capacity - 1 - count)
    if length < text.count {
      // Cuts at a character boundary: steps back over continuation bytes.
      while length > 0, text[length] & 0xC0 == 0x80 { length -= 1 }
    }
    withUnsafeMutableBytes(of: &bytes) { bytes in
      for index in 0..<max(length, 0) { bytes[count + index] = text[index] }
    }
    count += max(length, 0)
  }

  /// Calls `body` with the text, which is followed by a 0 byte.
  public func withUTF8<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    withUnsafeBytes(of: bytes) { raw in
      body(UnsafeBufferPointer(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: count))
    }
  }

  public var description: String { withUTF8 { String(decoding: $0, as: UTF8.self) } }
}
