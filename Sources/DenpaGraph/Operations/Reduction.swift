import DenpaCore
import DenpaKernelTypes

/// How a sum over rows and columns becomes the loss.
public enum Reduction: String, Sendable, CaseIterable {
  /// The mean over all elements (over all rows for a cross-entropy).
  case mean
  case sum
  /// Summed per sample, averaged over the batch.
  case batchMean = "batch_mean"
  /// One loss for each sample.
  case none

  /// Returns the factor of the sum of `elements` terms from `batch` samples.
  func scale(elements: Int, batch: Int) -> Double {
    switch self {
    case .mean: 1 / Double(max(elements, 1))
    case .batchMean: 1 / Double(max(batch, 1))
    case .sum, .none: 1
    }
  }
}

extension Sizes {
  /// Returns the extents of a loss's prediction as a matrix. One of shape (rows,) is a single column.
  func lossMatrix(_ id: TensorID) -> (rows: Int, columns: Int) {
    let shape = type(id).shape
    return shape.rank == 1 ? (shape[0], 1) : matrix(id)
  }
}

extension TargetKind {
  /// Makes the kind of a target with the given dtype.
  init(_ dtype: DType) {
    self =
      switch dtype {
      case .float32, .float64: .rows
      case .int32: .int32
      case .int64: .int64
      case .uint8: .uint8
      }
  }
}
