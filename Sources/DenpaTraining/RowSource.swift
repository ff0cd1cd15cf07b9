import CShim
import DenpaCore
import DenpaGraph

/// Rows of a tensor in memory that belongs to the caller, and how they get into the memory of one batch: in
/// order or gathered from anywhere, in the dtype that the batch has. Nothing is checked here.
struct RowSource {
  private let data: UnsafeRawPointer?
  private let dtype: DType
  private let bound: DType
  /// Of one row.
  private let elements: Int
  private let count: Int
  /// Bytes from one row to the next, here and in the batch.
  private let stride: Int
  let boundStride: Int
  /// Where the elements of a row stand, if not side by side: extents and steps in bytes, the outermost axis
  /// first.
  private let axes: [Axis]

  private struct Axis {
    var extent: Int
    var step: Int
  }
  /// So many rows before it is copied, the beginning of a row is asked for.
  private let ahead: Int

  /// Tensors up to this size are taken to be in the cache already: then nothing is asked for.
  private static let cacheBytes = 8 << 20
  /// What is asked for of a row: the hardware goes on by itself. A loop that only gathers from all over 160
  /// MB takes 19 ns instead of 29 for rows of 8 bytes, 52 instead of 104 for 128, 150 instead of 240 for 512,
  /// 520 instead of 640 for 3,136; with more lines or rows ahead it is slower again. In a whole fit of a
  /// small network no difference was measured.
  private static let linesAhead = 4
  private static let line = 64

  /// The rows of a tensor, or the one sample that it is; a batch has them as `bound`.
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

  /// The axes from `first` on, those of one index or none left out and those that follow each other without a
  /// gap made one.
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

  /// Copies the rows from number `first` on, converted.
  func copy(from first: Int, count: Int, to batch: UnsafeMutableRawPointer) {
    guard let data, elements > 0 else { return }
    guard !axes.isEmpty || stride != elements * dtype.size else {
      convert(data + first * stride, dtype, to: batch, bound, count: elements * count)
      return
    }
    for index in 0..<count { copyRow(data + (first + index) * stride, to: batch + index * boundStride) }
  }

  /// Copies the rows that stand in `order` from position `first` on, converted.
  func gather(
    _ order: UnsafeMutableBufferPointer<Int64>, from first: Int, count: Int, to batch: UnsafeMutableRawPointer
  ) {
    guard let data, elements > 0 else { return }
    guard let order = UnsafePointer(order.baseAddress) else { return }
    // Locals: the compiler cannot know that nothing of this is written by the copies.
    let stride = stride
    let ahead = ahead
    // Beyond the end of this batch too: the next one begins there.
    let last = ahead > 0 ? self.count : 0
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

  /// The elements from `axis` on.
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
