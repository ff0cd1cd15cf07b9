import DenpaCore

/// A tensor in memory that is owned by someone else.
public struct TensorView {
  public var data: UnsafeMutableRawPointer?
  public var type: TensorType
  /// The number of elements from one index to the next, for each axis; borrowed like the data. nil if the
  /// tensor is contiguous, as nearly all are.
  public var strides: UnsafePointer<Int64>?

  public init(_ data: UnsafeMutableRawPointer?, _ type: TensorType, strides: UnsafePointer<Int64>? = nil) {
    self.data = data
    self.type = type
    self.strides = strides
  }
}

extension TensorView {
  /// Checks that the tensor is of type `expected`, whose axis 0 is the batch, and returns its number of rows.
  /// One sample without the batch axis counts as one row. Errors call the tensor `name`. With `withData`, it
  /// must have memory if it has elements.
  public func rows(
    as expected: TensorType, withData: Bool = true, _ name: @autoclosure () -> Message
  ) throws(DenpaError) -> Int {
    let given = type.shape
    let rank = expected.shape.rank
    var rows = -1
    if rank > 0, given.rank == rank, given.matches(expected.shape, skip: 1) {
      rows = given[0]
    } else if given.rank == rank - 1, given.matches(expected.shape, skip: 0) {
      rows = 1
    }
    guard rows >= 0 else {
      throw DenpaError(.badShape, "\(name()): expected \(expected.shape), got \(given)")
    }
    if withData, data == nil, given.count > 0 {
      throw DenpaError(.badArgument, "\(name()): the tensor's data is NULL")
    }
    guard type.dtype == expected.dtype || expected.dtype.isFloat || !type.dtype.isFloat else {
      throw DenpaError(.badDType, "\(name()): expected \(expected.dtype), got \(type.dtype)")
    }
    return rows
  }

  /// Whether this is one sample of type `expected`, without a batch axis.
  public func isSample(of expected: TensorType) -> Bool { type.shape.rank == expected.shape.rank - 1 }
}

extension Shape {
  /// Returns whether the axes from `skip` on match the axes of `batch` after its first; an open extent
  /// matches any.
  public func matches(_ batch: Shape, skip: Int) -> Bool {
    for axis in skip..<max(rank, skip) {
      let extent = batch[axis + 1 - skip]
      guard self[axis] == extent || extent == Shape.any else { return false }
    }
    return true
  }
}

/// Copies `count` elements that are `step` bytes apart, converting between dtypes. Neither side needs to be
/// aligned.
public func convert(
  _ source: UnsafeRawPointer, _ from: DType, step: Int, to destination: UnsafeMutableRawPointer, _ to: DType,
  count: Int
) {
  let size = to.size
  for index in 0..<count {
    let element = source + index &* step
    let place = destination + index &* size
    guard from == to else {
      convert(element, from, to: place, to, count: 1)
      continue
    }
    // A call of memcpy for each element would take longer than copying the element.
    switch size {
    case 4: place.storeBytes(of: element.loadUnaligned(as: UInt32.self), as: UInt32.self)
    case 8: place.storeBytes(of: element.loadUnaligned(as: UInt64.self), as: UInt64.self)
    default: place.storeBytes(of: element.loadUnaligned(as: UInt8.self), as: UInt8.self)
    }
  }
}

/// Copies `count` elements, converting between dtypes. Neither side needs to be aligned.
public func convert(
  _ source: UnsafeRawPointer, _ from: DType, to destination: UnsafeMutableRawPointer, _ to: DType, count: Int
) {
  guard from != to else {
    destination.copyMemory(from: source, byteCount: count * from.size)
    return
  }
  switch from {
  case .float32: convert(source, Float.self, destination, to, count)
  case .float64: convert(source, Double.self, destination, to, count)
  case .int32: convert(source, Int32.self, destination, to, count)
  case .int64: convert(source, Int64.self, destination, to, count)
  case .uint8: convert(source, UInt8.self, destination, to, count)
  }
}

private protocol Element: BitwiseCopyable {
  var double: Double { get }
  static func from(_ value: Double) -> Self
}
extension Float: Element {
  var double: Double { Double(self) }
  static func from(_ value: Double) -> Float { Float(value) }
}
extension Double: Element {
  var double: Double { self }
  static func from(_ value: Double) -> Double { value }
}
extension Int32: Element {
  var double: Double { Double(self) }
  static func from(_ value: Double) -> Int32 {
    Int32(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : .min)
  }
}
extension Int64: Element {
  var double: Double { Double(self) }
  static func from(_ value: Double) -> Int64 {
    Int64(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : .min)
  }
}
extension UInt8: Element {
  var double: Double { Double(self) }
  static func from(_ value: Double) -> UInt8 {
    UInt8(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : .min)
  }
}

private func convert<S: Element>(
  _ source: UnsafeRawPointer, _: S.Type, _ destination: UnsafeMutableRawPointer, _ to: DType, _ count: Int
) {
  switch to {
  case .float32: convert(source, S.self, destination, Float.self, count)
  case .float64: convert(source, S.self, destination, Double.self, count)
  case .int32: convert(source, S.self, destination, Int32.self, count)
  case .int64: convert(source, S.self, destination, Int64.self, count)
  case .uint8: convert(source, S.self, destination, UInt8.self, count)
  }
}

@inline(__always)
private func convert<S: Element, D: Element>(
  _ source: UnsafeRawPointer, _: S.Type, _ destination: UnsafeMutableRawPointer, _: D.Type, _ count: Int
) {
  for index in 0..<count {
    let value = source.loadUnaligned(fromByteOffset: index * MemoryLayout<S>.size, as: S.self)
    destination.storeBytes(
      of: D.from(value.double), toByteOffset: index * MemoryLayout<D>.size, as: D.self)
  }
}

extension DType {
  var smallestInteger: Int64 { self == .int32 ? Int64(Int32.min) : self == .uint8 ? 0 : .min }
  var largestInteger: Int64 { self == .int32 ? Int64(Int32.max) : self == .uint8 ? 255 : .max }

  /// Returns element `index` of an array of this integer dtype, which need not be aligned.
  public func integer(_ data: UnsafeRawPointer, _ index: Int) -> Int64 {
    switch self {
    case .int32: Int64(data.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
    case .uint8: Int64(data.load(fromByteOffset: index, as: UInt8.self))
    default: data.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
    }
  }

  func store(integer value: Int64, _ data: UnsafeMutableRawPointer, _ index: Int) {
    switch self {
    case .int32:
      data.storeBytes(of: Int32(truncatingIfNeeded: value), toByteOffset: index * 4, as: Int32.self)
    case .uint8: data.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: index, as: UInt8.self)
    default: data.storeBytes(of: value, toByteOffset: index * 8, as: Int64.self)
    }
  }
}

extension TensorView {
  /// Checks that integers to be converted to `dtype` fit into it, if it is narrower. The error names the
  /// first one that does not.
  public func checkFits(_ dtype: DType, _ name: @autoclosure () -> Message) throws(DenpaError) {
    guard !type.dtype.isFloat, !dtype.isFloat, dtype.size < type.dtype.size, let data else { return }
    let rowElements = type.shape.rank > 0 ? max(type.shape.sample.count, 1) : 1
    for index in 0..<type.shape.count {
      let value = type.dtype.integer(data, place(of: index))
      guard value < dtype.smallestInteger || value > dtype.largestInteger else { continue }
      throw DenpaError(
        .badArgument,
        "\(name()): expected numbers of \(dtype), from \(dtype.smallestInteger) to \(dtype.largestInteger), got \(value) in row \(index / rowElements)"
      )
    }
  }

  /// Returns the number of elements from the first element of the tensor to the one with row-major number
  /// `index`.
  private func place(of index: Int) -> Int {
    guard let strides else { return index }
    var rest = index, place = 0
    for axis in (0..<type.shape.rank).reversed() {
      place += rest % type.shape[axis] * Int(strides[axis])
      rest /= type.shape[axis]
    }
    return place
  }
}
