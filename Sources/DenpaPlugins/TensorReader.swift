import CDenpa
import DenpaCore
import DenpaGraph

extension denpa_tensor {
  /// Creates a contiguous tensor, without data by default.
  public init(_ type: TensorType, data: UnsafeMutableRawPointer? = nil) {
    self.init()
    self.data = data
    dtype = type.dtype.rawValue
    rank = Int32(type.shape.rank)
    withUnsafeMutablePointer(to: &dim) { tuple in
      let extents = UnsafeMutableRawPointer(tuple).assumingMemoryBound(to: Int64.self)
      for axis in 0..<type.shape.rank { extents[axis] = Int64(type.shape[axis]) }
    }
  }
}

/// Checks tensors from outside.
public enum TensorReader {
  /// Returns the checked extents of a denpa_tensor or denpa_parameter: `rank` 0 to 8, no extent negative
  /// except, with `batch`, the first.
  static func shape<T>(rank: Int32, extents tuple: T, batch: Bool, _ what: Message) throws(DenpaError)
    -> Shape
  {
    guard rank >= 0, Int(rank) <= Shape.maximumRank else {
      throw DenpaError(.badShape, "\(what) has rank \(rank): expected 0 to \(Shape.maximumRank)")
    }
    var shape = Shape()
    let found: Int? = withUnsafeBytes(of: tuple) { extents in
      for axis in 0..<Int(rank) {
        let extent = Int(extents.load(fromByteOffset: axis * 8, as: Int64.self))
        guard extent >= 0 || (batch && axis == 0 && extent == Shape.batch) else { return axis }
        shape.append(extent)
      }
      return nil
    }
    if let axis = found {
      throw DenpaError(
        .badShape,
        batch
          ? "\(what) has a negative extent on axis \(axis): copy DENPA_BATCH to axis 0 and compute with the others only"
          : "\(what) has a negative extent on axis \(axis)")
    }
    _ = try shape.checkedCount()
    return shape
  }

  /// Returns the strides of a tensor that may have any; nil if it is contiguous.
  public static func strides(
    _ tensor: UnsafePointer<denpa_tensor>, _ shape: Shape, _ what: Message
  ) throws(DenpaError) -> UnsafePointer<Int64>? {
    guard let offset = MemoryLayout<denpa_tensor>.offset(of: \.stride) else { return nil }
    let strides = (UnsafeRawPointer(tensor) + offset).assumingMemoryBound(to: Int64.self)
    if isContiguous(UnsafeBufferPointer(start: strides, count: Shape.maximumRank), shape) { return nil }
    var reach = 0
    for axis in 0..<shape.rank where shape[axis] > 1 {
      let (way, tooFar) = Int(strides[axis]).magnitude.multipliedReportingOverflow(by: UInt(shape[axis] - 1))
      guard !tooFar, way < 1 << 56, reach < 1 << 56 else {
        throw DenpaError(
          .badArgument, "\(what): its stride on axis \(axis), \(Int(strides[axis])), leads out of any memory")
      }
      reach += Int(way)
    }
    return strides
  }

  private static func isContiguous(_ strides: UnsafeBufferPointer<Int64>, _ shape: Shape) -> Bool {
    if (0..<shape.rank).allSatisfy({ strides[$0] == 0 }) { return true }
    var expected = 1
    for axis in (0..<shape.rank).reversed() {
      guard strides[axis] == expected || shape[axis] <= 1 else { return false }
      expected = expected &* max(shape[axis], 1)
    }
    return true
  }

  /// Returns a tensor's dtype and shape; with `batch` the first extent may be DENPA_BATCH, with `strided` it
  /// need not be contiguous.
  public static func type(
    _ tensor: denpa_tensor, batch: Bool = false, strided: Bool = false, _ what: Message
  ) throws(DenpaError) -> TensorType {
    guard let dtype = DType(rawValue: tensor.dtype) else {
      throw DenpaError(
        .badDType, "\(what) has dtype \(tensor.dtype): expected DENPA_FLOAT32, DENPA_FLOAT64, ...")
    }
    let shape = try shape(rank: tensor.rank, extents: tensor.dim, batch: batch, what)
    let contiguous = withUnsafeBytes(of: tensor.stride) { bytes in
      strided || bytes.withMemoryRebound(to: Int64.self) { isContiguous($0, shape) }
    }
    guard contiguous else { throw DenpaError(.badArgument, "\(what) is not contiguous: copy it first") }
    return TensorType(dtype, shape)
  }
}
