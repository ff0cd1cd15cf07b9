import DenpaCore
import DenpaGraph

/// A source of batches for `fit`.
public protocol BatchSource: AnyObject {
  /// The number of batches in an epoch, if it is known.
  var batchCount: Int? { get }
  /// Moves to the first batch of an epoch. Epochs are counted over the trainer's lifetime.
  func start(epoch: Int64) throws(DenpaError)
  /// Binds the next batch to a plan of the trainer. Returns nil at the end of the epoch.
  func next(_ trainer: Trainer, training: Bool) throws(DenpaError) -> Batch?
  /// Passes over the first batches of the epoch, which an interrupted fit has trained on. Returns their number
  /// of rows.
  func skip(_ batches: Int, _ trainer: Trainer) throws(DenpaError) -> Int
}

extension Trainer {
  @inline(__always)
  func withExecutor<R>(of batch: Batch, _ body: (Executor) throws(DenpaError) -> R) throws(DenpaError) -> R {
    // The standard library's function does not support typed errors. The trainer holds the error, because
    // initializing a local one would write 512 bytes at each call.
    let answer: R? = batch.executor._withUnsafeGuaranteedRef { executor in
      do throws(DenpaError) { return try body(executor) } catch {
        failure = error
        return nil
      }
    }
    if let answer { return answer }
    throw takeFailure()
  }

  @inline(never)
  private func takeFailure() -> DenpaError {
    defer { failure = nil }
    return failure ?? DenpaError(.internalError, "a batch failed without an error")
  }
}

/// The rows of tensors in memory, a batch at a time: read in place if they are in order and in the right
/// dtype, otherwise gathered into memory for one batch. The tensors were checked (`Trainer.checkData`), so
/// nothing is checked again for each batch.
final class ArraySource: BatchSource {
  private struct Column {
    let rows: RowSource
    /// Memory for gathered or converted rows; nil if rows are read in place.
    let staging: Buffer?

    /// Returns memory for `count` rows: in guard mode at the end of the staging memory, beside an
    /// inaccessible page.
    func place(_ staging: Buffer, _ count: Int) -> UnsafeMutableRawPointer {
      guard GuardMode.isOn else { return staging.base }
      return staging.base + (staging.paddedBytes - count * rows.boundStride)
    }
  }

  private let columns: [Column]
  private let executor: Executor
  private let batchSize: Int
  private let order: RowOrder
  private var position = 0

  /// The tensors are bound to the first slots of `executor`, in order. With `isSample` they are one row,
  /// without a batch axis.
  init(
    inputs: UnsafeBufferPointer<TensorView>, targets: UnsafeBufferPointer<TensorView>, _ executor: Executor,
    isSample: Bool, batchSize: Int, _ order: RowOrder
  ) throws(DenpaError) {
    let tensors = Array(inputs) + Array(targets)
    self.executor = executor
    self.batchSize = batchSize
    self.order = order
    guard order.count > 0 else { throw DenpaError(.badArgument, "the tensors have no rows") }
    var columns: [Column] = []
    for (index, tensor) in tensors.enumerated() {
      let bound = executor.plan.slots[index].type.dtype
      let source = RowSource(tensor, isSample: isSample, as: bound)
      let isAligned = UInt(bitPattern: tensor.data) & UInt(bound.size - 1) == 0
      let inPlace =
        order.rows == nil && tensor.type.dtype == bound && isAligned && tensor.strides == nil
        && !GuardMode.isOn
      let staging =
        inPlace
        ? nil
        : try Buffer(byteCount: source.boundStride * min(batchSize, order.count), zeroed: false, "a batch")
      columns.append(Column(rows: source, staging: staging))
    }
    self.columns = columns
    try checkMemory("a batch")
  }

  deinit { executor.batchRows = BatchRows() }

  var batchCount: Int? { (order.count + batchSize - 1) / batchSize }

  func start(epoch: Int64) {
    position = 0
    order.start(epoch: epoch)
  }

  func skip(_ batches: Int, _ trainer: Trainer) -> Int {
    position = batches > order.count / batchSize ? order.count : batches * batchSize
    return position
  }

  func next(_ trainer: Trainer, training: Bool) -> Batch? {
    guard position < order.count else { return nil }
    let count = min(batchSize, order.count - position)
    executor.batchRows = BatchRows(order: UnsafePointer(order.rows?.baseAddress), first: position)
    for index in columns.indices {
      let column = columns[index]
      if let staging = column.staging {
        let memory = column.place(staging, count)
        if let rows = order.rows {
          column.rows.gather(rows, from: position, count: count, end: order.count, to: memory)
        } else {
          column.rows.copy(from: position, count: count, to: memory)
        }
        executor.slots[index] = memory
      } else {
        // A tensor without elements may have no memory; any valid memory will do.
        executor.slots[index] = column.rows.address(of: position) ?? executor.someMemory
      }
    }
    position += count
    return Batch(executor, rows: count)
  }
}
