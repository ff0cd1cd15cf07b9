import CShim
import DenpaCore
import DenpaGraph

/// Copies rows of a tensor in the caller's memory to the memory of a batch, in order or gathered from
/// anywhere, in the batch's dtype. Nothing is checked here.
struct RowSource {
  private let data: UnsafeRawPointer?
  private let dtype: DType
  private let bound: DType
  /// The number of elements in a row.
  private let elements: Int
  private let count: Int
  /// The number of bytes from one row to the next, in the tensor and in the batch.
  private let stride: Int
  let boundStride: Int
  /// The axes of a row whose elements are not adjacent, the outermost first; steps are in bytes. Empty if the
  /// elements are adjacent.
  private let axes: [Axis]

  private struct Axis {
    var extent: Int
    var step: Int
  }
  /// The number of rows by which prefetching is ahead of copying; 0: nothing is prefetched.
  private let ahead: Int

  /// Tensors up to this size are assumed to be in the cache already, so nothing is prefetched.
  private static let cacheBytes = 8 << 20
  /// The maximum number of cache lines prefetched of a row; the hardware prefetches the rest. A loop that
  /// only gathers rows from random places in 160 MB takes 19 ns instead of 29 for a row of 8 bytes, 52
  /// instead of 104 for 128, 150 instead of 240 for 512, 520 instead of 640 for 3,136; with more lines or
  /// rows ahead it is slower again. In a whole fit of a small network no difference was measured.
  private static let linesAhead = 4
  private static let line = 64

  /// The rows are those of a tensor, or the one sample that it is. `bound` is their dtype in a batch.
  init(_ tensor: TensorView, isSample: Bool, as bound: DType) {
    let shape = tensor.type.shape
    data = tensor.data.map { UnsafeRawPointer($0) }
    dtype = tensor.type.dtype
    self.bound = bound
    count = isSample ? 1 : shape[0]
    elements = isSample ? shape.count : shape.sample.count
    boundStride = elements * bound.size
    let size = dtype.size
    if let strides = tensor.strides {
      let axes = RowSource.axes(shape, strides, from: isSample ? 0 : 1, size)
      let isRun = axes.isEmpty || axes.count == 1 && axes[0].step == size
      self.axes = isRun ? [] : axes
      stride = count > 1 ? Int(strides[0]) * size : 0
    } else {
      axes = []
      stride = elements * size
    }
    let bytes = axes.isEmpty ? elements * size : 0
    ahead = count * bytes <= RowSource.cacheBytes ? 0 : min(max(2048 / bytes, 2), 16)
  }

  /// Returns the axes from `first` on. Those with one index or none are left out, and those that follow each
  /// other without a gap are merged.
  private static func axes(_ shape: Shape, _ strides: UnsafePointer<Int64>, from first: Int, _ size: Int)
    -> [Axis]
  {
    var axes: [Axis] = []
    for axis in first..<max(first, shape.rank) where shape[axis] > 1 {
      let step = Int(strides[axis]) * size
      if let last = axes.last, last.step == shape[axis] * step {
        axes[axes.count - 1] = Axis(extent: last.extent * shape[axis], step: step)
      } else {
        axes.append(Axis(extent: shape[axis], step: step))
      }
    }
    return axes
  }

  func address(of row: Int) -> UnsafeMutableRawPointer? {
    data.map { UnsafeMutableRawPointer(mutating: $0 + row * stride) }
  }

  /// Copies `count` rows from row `first` on, converting them.
  func copy(from first: Int, count: Int, to batch: UnsafeMutableRawPointer) {
    guard let data, elements > 0 else { return }
    guard !axes.isEmpty || stride != elements * dtype.size else {
      convert(data + first * stride, dtype, to: batch, bound, count: elements * count)
      return
    }
    for index in 0..<count { copyRow(data + (first + index) * stride, to: batch + index * boundStride) }
  }

  /// Copies the `count` rows that are in `order` from position `first` on, converting them. `end`: the rows of
  /// the epoch.
  func gather(
    _ order: UnsafeMutableBufferPointer<Int64>, from first: Int, count: Int, end: Int,
    to batch: UnsafeMutableRawPointer
  ) {
    guard let data, elements > 0 else { return }
    guard let order = UnsafePointer(order.baseAddress) else { return }
    // Local copies, because the compiler cannot know that copying rows does not change these properties.
    let stride = stride
    let ahead = ahead
    // Prefetches beyond the end of this batch too, where the next one begins. Behind the last row of an epoch
    // the order may hold rows of none, or nothing that was written.
    let last = ahead > 0 ? end : 0
    let wanted = min(RowSource.linesAhead, (elements * dtype.size + RowSource.line - 1) / RowSource.line)
    var destination = batch
    for position in first..<first + count {
      if position + ahead < last {
        let row = data + Int(order[position + ahead]) &* stride
        for line in 0..<wanted { denpa_prefetch(row + line &* RowSource.line) }
      }
      copyRow(data + Int(order[position]) &* stride, to: destination)
      destination += boundStride
    }
  }

  @inline(__always)
  private func copyRow(_ row: UnsafeRawPointer, to destination: UnsafeMutableRawPointer) {
    if !axes.isEmpty {
      var place = destination
      copy(row, axis: 0, to: &place)
    } else if boundStride <= 16 {
      convert(row, dtype, step: dtype.size, to: destination, bound, count: elements)
    } else {
      convert(row, dtype, to: destination, bound, count: elements)
    }
  }

  /// Copies the elements of the axes from `axis` on, and advances `destination`.
  private func copy(_ source: UnsafeRawPointer, axis: Int, to destination: inout UnsafeMutableRawPointer) {
    let (extent, step) = (axes[axis].extent, axes[axis].step)
    if axis == axes.count - 1 {
      convert(source, dtype, step: step, to: destination, bound, count: extent)
      destination += extent * bound.size
    } else {
      for index in 0..<extent { copy(source + index * step, axis: axis + 1, to: &destination) }
    }
  }
}
