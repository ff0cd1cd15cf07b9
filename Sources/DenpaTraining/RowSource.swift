import CShim
import DenpaCore
import DenpaGraph

/// Rows of a tensor in memory that belongs to the caller, and how they get into the memory of one batch: in order or
/// gathered from anywhere, in the dtype that the batch has. Nothing is checked here.
struct RowSource {
  private let data: UnsafeRawPointer?
  private let dtype: DType
  private let bound: DType
  /// Of one row.
  private let elements: Int
  private let count: Int
  /// Bytes of one row, here and in the batch.
  private let stride: Int
  private let boundStride: Int
  /// So many rows before it is copied, the beginning of a row is asked for.
  private let ahead: Int

  /// Tensors up to this size are taken to be in the cache already: then nothing is asked for.
  private static let cacheBytes = 8 << 20
  /// What is asked for of a row: the hardware goes on by itself. A loop that only gathers from all over 160 MB takes 19 ns
  /// instead of 29 for rows of 8 bytes, 52 instead of 104 for 128, 150 instead of 240 for 512, 520 instead of 640 for 3,136;
  /// with more lines or rows ahead it is slower again. In a whole fit of a small network no difference was measured.
  private static let linesAhead = 4
  private static let line = 64

  /// `count` rows of `elements` elements; a batch has them as `bound`.
  init(_ data: UnsafeMutableRawPointer?, _ dtype: DType, elements: Int, count: Int, as bound: DType) {
    self.data = data.map { UnsafeRawPointer($0) }
    self.dtype = dtype
    self.bound = bound
    self.elements = elements
    self.count = count
    stride = elements * dtype.size
    boundStride = elements * bound.size
    ahead = count * stride <= RowSource.cacheBytes ? 0 : min(max(2048 / stride, 2), 16)
  }

  func address(of row: Int) -> UnsafeMutableRawPointer? {
    data.map { UnsafeMutableRawPointer(mutating: $0 + row * stride) }
  }

  /// Copies the rows from number `first` on, converted.
  func copy(from first: Int, count: Int, to batch: UnsafeMutableRawPointer) {
    guard let data else { return }
    convert(data + first * stride, dtype, to: batch, bound, count: elements * count)
  }

  /// Copies the rows that stand in `order` from position `first` on, converted.
  func gather(
    _ order: UnsafeMutableBufferPointer<Int64>, from first: Int, count: Int, to batch: UnsafeMutableRawPointer
  ) {
    guard let data else { return }
    guard let order = UnsafePointer(order.baseAddress) else { return }
    // Locals: the compiler cannot know that nothing of this is written by the copies.
    let stride = stride
    let ahead = ahead
    // Beyond the end of this batch too: the next one begins there.
    let last = ahead > 0 ? self.count : 0
    let wanted = min(RowSource.linesAhead, (stride + RowSource.line - 1) / RowSource.line)
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
    guard dtype == bound, stride <= 16 else {
      convert(row, dtype, to: destination, bound, count: elements)
      return
    }
    // A call of memcpy for each few bytes would cost more than the bytes.
    for byte in Swift.stride(from: 0, to: stride, by: dtype.size) {
      switch dtype.size {
      case 4: copyElement(row + byte, destination + byte, as: UInt32.self)
      case 8: copyElement(row + byte, destination + byte, as: UInt64.self)
      default: copyElement(row + byte, destination + byte, as: UInt8.self)
      }
    }
  }

  @inline(__always)
  private func copyElement<T: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, as type: T.Type
  ) {
    destination.storeBytes(of: source.loadUnaligned(as: type), as: type)
  }
}
