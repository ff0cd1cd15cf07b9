import CDenpa
import DenpaCore
import DenpaGraph

extension denpa_tensor {
  /// A contiguous tensor without data.
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

/// Tensors that come from outside.
public enum TensorReader {
  /// The extents of a denpa_tensor or denpa_parameter, checked: `rank` 0 to 8, no extent negative but, where `batch` allows
  /// it, the first.
  static func shape<T>(rank: Int32, extents tuple: T, batch: Bool, _ what: Message) throws(DenpaError) -> Shape {
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

  /// Dtype and shape of a tensor; with `batch` its first extent may be DENPA_BATCH. Strides are 0 or those of a contiguous
  /// tensor.
  public static func type(
    _ tensor: denpa_tensor, batch: Bool = false, _ what: Message
  ) throws(DenpaError) -> TensorType {
    guard let dtype = DType(rawValue: tensor.dtype) else {
      throw DenpaError(.badDType, "\(what) has dtype \(tensor.dtype): expected DENPA_FLOAT32, DENPA_FLOAT64, ...")
    }
    let shape = try shape(rank: tensor.rank, extents: tensor.dim, batch: batch, what)
    let contiguous = withUnsafeBytes(of: tensor.stride) { strides in
      var expected = 1
      for axis in (0..<shape.rank).reversed() {
        let stride = Int(strides.load(fromByteOffset: axis * 8, as: Int64.self))
        guard stride == 0 || stride == expected || shape[axis] <= 1 else { return false }
        expected *= max(shape[axis], 1)
      }
      return true
    }
    guard contiguous else { throw DenpaError(.badArgument, "\(what) is not contiguous: copy it first") }
    return TensorType(dtype, shape)
  }
}
