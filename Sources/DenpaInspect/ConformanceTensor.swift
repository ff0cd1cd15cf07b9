import DenpaCore
import DenpaGraph

/// A tensor of a proof, between two zones that must not be written to.
final class GuardedTensor {
  /// The tensor's name for the layer's author: "outputs[0]".
  let label: String
  let type: TensorType
  private let buffer: Buffer
  private var variant = 0

  private static let zone = 64
  /// Quiet NaNs that arithmetic propagates but never creates: an element that holds one was not written.
  private static let poison64: [UInt64] = [0x7FF8_DE17_A5A5_0001, 0x7FF8_DE17_5A5A_0002]
  private static let poison32: [UInt32] = [0x7FC1_A5A5, 0x7FC2_5A5A]
  private static let poisonByte: [UInt8] = [0xA5, 0x5A]

  init(_ label: String, _ type: TensorType) throws(DenpaError) {
    self.label = label
    self.type = type
    buffer = try Buffer(byteCount: type.byteCount + 2 * GuardedTensor.zone, zeroed: true, "a proof")
    for offset in 0..<GuardedTensor.zone {
      buffer.base.storeBytes(of: GuardedTensor.pattern(offset), toByteOffset: offset, as: UInt8.self)
      (data + type.byteCount).storeBytes(
        of: GuardedTensor.pattern(offset), toByteOffset: offset, as: UInt8.self)
    }
    poison(0)
  }

  private static func pattern(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: 0xC3 ^ (offset &* 37)) }

  var data: UnsafeMutableRawPointer { buffer.base + GuardedTensor.zone }
  var count: Int { type.shape.count }
  var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: data, count: type.byteCount)) }

  var values: [Double] {
    get {
      [Double](unsafeUninitializedCapacity: count) { memory, written in
        if let base = memory.baseAddress { convert(data, type.dtype, to: base, .float64, count: count) }
        written = count
      }
    }
    set {
      newValue.withUnsafeBytes { source in
        if let base = source.baseAddress {
          convert(base, .float64, to: data, type.dtype, count: min(newValue.count, count))
        }
      }
    }
  }

  subscript(index: Int) -> Double {
    get {
      var result = 0.0
      convert(data + index * type.dtype.size, type.dtype, to: &result, .float64, count: 1)
      return result
    }
    set {
      var value = newValue
      convert(&value, .float64, to: data + index * type.dtype.size, type.dtype, count: 1)
    }
  }

  /// Fills the tensor with values that must not remain; two runs over different poisons reveal unwritten
  /// elements even if every bit pattern is a number.
  func poison(_ variant: Int) {
    self.variant = variant
    for index in 0..<count {
      switch type.dtype {
      case .float64:
        data.storeBytes(of: GuardedTensor.poison64[variant], toByteOffset: index * 8, as: UInt64.self)
      case .float32:
        data.storeBytes(of: GuardedTensor.poison32[variant], toByteOffset: index * 4, as: UInt32.self)
      case .int32, .int64, .uint8:
        let start = data + index * type.dtype.size
        start.initializeMemory(
          as: UInt8.self, repeating: GuardedTensor.poisonByte[variant], count: type.dtype.size)
      }
    }
  }

  /// The first element that is still poison.
  private var unwritten: Int? {
    switch type.dtype {
    case .float64:
      (0..<count).first {
        data.load(fromByteOffset: $0 * 8, as: UInt64.self) == GuardedTensor.poison64[variant]
      }
    case .float32:
      (0..<count).first {
        data.load(fromByteOffset: $0 * 4, as: UInt32.self) == GuardedTensor.poison32[variant]
      }
    case .int32, .int64, .uint8: nil
    }
  }

  /// Throws unless `callback` wrote every element, with finite numbers if `finite`.
  func checkWritten(by callback: String, finite: Bool) throws(DenpaError) {
    if let index = unwritten {
      throw DenpaError(
        .proofFailed,
        "\(callback) did not write element \(index) of \(label), or computed it from memory that it may not read"
      )
    }
    guard finite, type.dtype.isFloat, let index = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw DenpaError(.proofFailed, "\(callback) wrote \(self[index]) to element \(index) of \(label)")
  }

  /// Throws if `callback` wrote out of bounds.
  func checkBounds(_ callback: String) throws(DenpaError) {
    for offset in 0..<GuardedTensor.zone {
      let behind = (data + type.byteCount).load(fromByteOffset: offset, as: UInt8.self)
      guard behind == GuardedTensor.pattern(offset) else {
        throw DenpaError(
          .proofFailed,
          "\(callback) wrote past the end of \(label), whose shape \(type.shape) has \(count) elements (byte \(offset) behind it)"
        )
      }
      let before = buffer.base.load(fromByteOffset: offset, as: UInt8.self)
      guard before == GuardedTensor.pattern(offset) else {
        throw DenpaError(
          .proofFailed,
          "\(callback) wrote in front of \(label) (\(GuardedTensor.zone - offset) bytes before its start)"
        )
      }
    }
  }
}
