import DenpaCore
import DenpaGraph
import Glibc

/// UTF-8 text that grows: not a `String`, whose interpolations would be most of the library's size here.
public struct Text {
  public private(set) var bytes: [UInt8] = []

  init() {}

  @inline(never)
  static func += (text: inout Text, more: StaticString) {
    more.withUTF8Buffer { bytes in for byte in bytes { text.bytes.append(byte) } }
  }

  @inline(never)
  mutating func add(_ more: String) { for byte in more.utf8 { bytes.append(byte) } }

  @inline(never)
  mutating func add(_ more: Text) { bytes += more.bytes }

  @inline(never)
  mutating func add(byte: UInt8) { bytes.append(byte) }

  mutating func cut(_ count: Int) { bytes.removeLast(bytes.count - count) }

  @inline(never)
  mutating func add(spaces count: Int) { for _ in 0..<max(count, 0) { bytes.append(UInt8(ascii: " ")) } }

  @inline(never)
  mutating func add(_ number: Int) {
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    let first = bytes.count
    var rest = number.magnitude
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    reverse(from: first)
  }

  private mutating func reverse(from first: Int) {
    var low = first, high = bytes.count - 1
    while low < high {
      bytes.swapAt(low, high)
      (low, high) = (low + 1, high - 1)
    }
  }

  /// Appends (2, 3).
  @inline(never)
  mutating func add(_ shape: Shape) {
    self += "("
    for axis in 0..<shape.rank {
      if axis > 0 { self += ", " }
      switch shape[axis] {
      case Shape.batch: self += "rows"
      case Shape.any: self += "any"
      case let extent: add(extent)
      }
    }
    self += shape.rank == 1 ? ",)" : ")"
  }

  /// Appends a number with at most `digits` significant ones, 0.8021839 or 1.5e-07, in any locale the same.
  @inline(never)
  mutating func add(_ number: Double, digits: Int) {
    guard number.isFinite else {
      self += number.isNaN ? "nan" : number < 0 ? "-inf" : "inf"
      return
    }
    if number < 0 { self += "-" }
    let magnitude = abs(number)
    guard magnitude > 0 else {
      self += "0"
      return
    }
    var exponent = Int(log10(magnitude).rounded(.down))
    // In two factors, because one could overflow for the smallest numbers.
    let shift = digits - 1 - exponent
    var scaled = (magnitude * pow(10, Double(shift / 2)) * pow(10, Double(shift - shift / 2))).rounded()
    if scaled >= pow(10, Double(digits)) { (scaled, exponent) = ((scaled / 10).rounded(), exponent + 1) }
    var mantissa = Int(scaled), count = digits
    if mantissa < 1 { (mantissa, count) = (1, 1) }
    while count > 1, mantissa % 10 == 0 { (mantissa, count) = (mantissa / 10, count - 1) }
    let first = bytes.count
    for _ in 0..<count {
      bytes.append(UInt8(ascii: "0") + UInt8(mantissa % 10))
      mantissa /= 10
    }
    reverse(from: first)
    if exponent < -4 || exponent >= max(digits, 8) + 4 {
      if count > 1 { bytes.insert(UInt8(ascii: "."), at: first + 1) }
      self += exponent < 0 ? "e-" : "e+"
      if abs(exponent) < 10 { self += "0" }
      self.add(abs(exponent))
    } else if exponent < 0 {
      for _ in 0 ..< -exponent { bytes.insert(UInt8(ascii: "0"), at: first) }
      bytes.insert(UInt8(ascii: "."), at: first + 1)
    } else if exponent + 1 < count {
      bytes.insert(UInt8(ascii: "."), at: first + exponent + 1)
    } else {
      for _ in 0..<exponent + 1 - count { bytes.append(UInt8(ascii: "0")) }
    }
  }
}

extension TensorView {
  /// Returns one element, by its row-major index, as float64. The tensor is contiguous and has it.
  func number(_ index: Int) -> Double {
    guard let data else { return 0 }
    return switch type.dtype {
    case .float64: data.loadUnaligned(fromByteOffset: 8 * index, as: Double.self)
    case .float32: Double(data.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
    case .int64: Double(data.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self))
    case .int32: Double(data.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
    case .uint8: Double(data.load(fromByteOffset: index, as: UInt8.self))
    }
  }

  /// The digits that a float type has, less one that rounding spoils.
  var digits: Int {
    switch type.dtype {
    case .float32: 7
    case .float64: 8
    default: 17
    }
  }
}
