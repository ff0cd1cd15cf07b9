import DenpaCore
import DenpaGraph

/// Where `fit` takes its batches from.
public protocol BatchSource: AnyObject {
  /// Batches of an epoch, where that is known.
  var batchCount: Int? { get }
  /// Goes to the first batch of an epoch, counted over the trainer's life.
  func start(epoch: Int64) throws(DenpaError)
  /// Binds the next batch to a plan of the trainer's. nil: the epoch is over.
  func next(_ trainer: Trainer, training: Bool) throws(DenpaError) -> (executor: Executor, rows: Int)?
}

/// Rows of tensors in memory, a batch at a time: in place where the rows stand in order and in the right dtype, gathered into memory for
/// one batch otherwise. The tensors were checked (`Trainer.checkData`), so nothing is checked again for each batch.
final class ArraySource: BatchSource {
  private struct Column {
    var data: UnsafeMutableRawPointer?
    var dtype: DType
    /// Of one row.
    var elements: Int
    /// Where gathered rows go, and their dtype; nil: read in place.
    var staging: Buffer?
    var bound: DType
  }

  private let columns: [Column]
  private let executor: Executor
  private let rows: Int
  private let batchSize: Int
  private let order: UnsafeMutableBufferPointer<Int64>?
  private let orderMemory: Buffer?
  private let seed: UInt64
  private var position = 0

  /// The tensors go to the first slots of `executor`, in order. `isSample`: they are one row, without a batch axis.
  init(
    inputs: UnsafeBufferPointer<TensorView>, targets: UnsafeBufferPointer<TensorView>, _ executor: Executor,
    isSample: Bool, batchSize: Int, shuffleSeed: UInt64?
  ) throws(DenpaError) {
    let tensors = Array(inputs) + Array(targets)
    self.executor = executor
    self.batchSize = batchSize
    rows = isSample ? 1 : tensors.first.map { $0.type.shape[0] } ?? 0
    seed = shuffleSeed ?? 0
    guard rows > 0 else { throw DenpaError(.badArgument, "the tensors have no rows") }
    var columns: [Column] = []
    for (index, tensor) in tensors.enumerated() {
      let bound = executor.plan.slots[index].type.dtype
      let elements = isSample ? tensor.type.shape.count : tensor.type.shape.sample.count
      let isAligned = UInt(bitPattern: tensor.data) & UInt(bound.size - 1) == 0
      let inPlace = shuffleSeed == nil && tensor.type.dtype == bound && isAligned
      let staging =
        inPlace
        ? nil : try Buffer(byteCount: elements * bound.size * min(batchSize, rows), zeroed: false, "a batch")
      columns.append(
        Column(data: tensor.data, dtype: tensor.type.dtype, elements: elements, staging: staging, bound: bound))
    }
    self.columns = columns
    let memory = shuffleSeed == nil ? nil : try Buffer(byteCount: rows * 8, zeroed: false, "the order of the rows")
    orderMemory = memory
    if let memory {
      order = UnsafeMutableBufferPointer(start: memory.base.bindMemory(to: Int64.self, capacity: rows), count: rows)
    } else {
      order = nil
    }
    try checkMemory("a batch")
  }

  var batchCount: Int? { (rows + batchSize - 1) / batchSize }

  func start(epoch: Int64) {
    position = 0
    guard let order else { return }
    for index in 0..<rows { order[index] = Int64(index) }
    Random(seed: seed, stream: 0x7368_7566_666c_6531, step: UInt64(epoch)).permutation(into: order)
  }

  func next(_ trainer: Trainer, training: Bool) -> (executor: Executor, rows: Int)? {
    guard position < rows else { return nil }
    let count = min(batchSize, rows - position)
    for index in columns.indices {
      // A tensor without elements may have no memory; the executor's own will do.
      guard let data = columns[index].data else {
        executor.slots[index] = executor.someMemory
        continue
      }
      if let staging = columns[index].staging {
        let column = columns[index]
        gather(data, column.dtype, column.elements, count, to: staging.base, column.bound)
        executor.slots[index] = staging.base
      } else {
        executor.slots[index] = data + position * columns[index].elements * columns[index].dtype.size
      }
    }
    position += count
    return (executor, count)
  }

  private func gather(
    _ source: UnsafeRawPointer, _ from: DType, _ elements: Int, _ count: Int, to memory: UnsafeMutableRawPointer,
    _ to: DType
  ) {
    guard let order else {
      convert(source + position * elements * from.size, from, to: memory, to, count: elements * count)
      return
    }
    let stride = elements * from.size
    if from == to && stride <= 16 {
      // A call of memcpy for each few bytes would cost more than the bytes.
      for row in 0..<count {
        let start = source + Int(order[position + row]) * stride
        for byte in Swift.stride(from: 0, to: stride, by: from.size) {
          copyElement(start + byte, memory + row * stride + byte, from.size)
        }
      }
      return
    }
    for row in 0..<count {
      convert(
        source + Int(order[position + row]) * stride, from, to: memory + row * elements * to.size, to, count: elements)
    }
  }

  @inline(__always)
  private func copyElement(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ size: Int) {
    switch size {
    case 4: destination.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
    case 8: destination.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
    default: destination.storeBytes(of: source.load(as: UInt8.self), as: UInt8.self)
    }
  }
}
