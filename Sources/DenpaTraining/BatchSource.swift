import DenpaCore
import DenpaGraph

/// One batch: views that are valid until the next one is asked for.
public struct Batch {
  public var inputs: UnsafeBufferPointer<TensorView>
  public var targets: UnsafeBufferPointer<TensorView>

  public init(inputs: UnsafeBufferPointer<TensorView>, targets: UnsafeBufferPointer<TensorView>) {
    self.inputs = inputs
    self.targets = targets
  }
}

/// Where `fit` takes its batches from.
public protocol BatchSource: AnyObject {
  /// Batches of an epoch, where that is known.
  var batchCount: Int? { get }
  /// Goes to the first batch of an epoch, counted over the trainer's life.
  func start(epoch: Int64) throws(DenpaError)
  /// nil: the epoch is over.
  func next() throws(DenpaError) -> Batch?
}

/// Rows of tensors in memory, a batch at a time: in place where the rows stand in order and in the right dtype, gathered into memory for
/// one batch otherwise.
final class ArraySource: BatchSource {
  private let tensors: [TensorView]
  private let inputCount: Int
  private let rows: Int
  private let batchSize: Int
  private let order: UnsafeMutableBufferPointer<Int64>?
  private let orderMemory: Buffer?
  private let seed: UInt64
  /// Where gathered rows go; nil for tensors that are read in place.
  private let staging: [Buffer?]
  private let dtypes: [DType]
  private let views: UnsafeMutableBufferPointer<TensorView>
  private var position = 0

  /// `dtypes`: what each tensor is converted to while it is gathered.
  init(
    inputs: UnsafeBufferPointer<TensorView>, targets: UnsafeBufferPointer<TensorView>, dtypes: [DType], batchSize: Int,
    shuffleSeed: UInt64?
  ) throws(DenpaError) {
    tensors = Array(inputs) + Array(targets)
    inputCount = inputs.count
    self.batchSize = batchSize
    self.dtypes = dtypes
    rows = tensors.first.map { $0.type.shape.rank > 0 ? $0.type.shape[0] : 0 } ?? 0
    seed = shuffleSeed ?? 0
    for (index, tensor) in tensors.enumerated() {
      let given = tensor.type.shape
      guard given.rank > 0, given[0] == rows else {
        throw DenpaError(
          .badShape,
          "\(index < inputs.count ? "input" : "target") \(index < inputs.count ? index : index - inputs.count): expected \(rows) rows like the first tensor, got shape \(given)"
        )
      }
      guard tensor.data != nil || given.count == 0 else {
        throw DenpaError(.badArgument, "tensor \(index): the data is NULL")
      }
    }
    guard rows > 0 else { throw DenpaError(.badArgument, "the tensors have no rows") }
    var staging: [Buffer?] = []
    for (index, tensor) in tensors.enumerated() {
      if shuffleSeed == nil && tensor.type.dtype == dtypes[index] {
        staging.append(nil)
      } else {
        let bytes = tensor.type.shape.sample.count * dtypes[index].size * min(batchSize, rows)
        staging.append(try Buffer(byteCount: bytes, zeroed: false, "a batch"))
      }
    }
    self.staging = staging
    let memory = shuffleSeed == nil ? nil : try Buffer(byteCount: rows * 8, zeroed: false, "the order of the rows")
    orderMemory = memory
    if let memory {
      order = UnsafeMutableBufferPointer(start: memory.base.bindMemory(to: Int64.self, capacity: rows), count: rows)
    } else {
      order = nil
    }
    views = UnsafeMutableBufferPointer<TensorView>.allocate(capacity: tensors.count)
    views.initialize(repeating: TensorView(nil, TensorType(.float32, [])))
    try checkMemory("a batch")
  }

  deinit { views.deallocate() }

  var batchCount: Int? { (rows + batchSize - 1) / batchSize }

  func start(epoch: Int64) {
    position = 0
    guard let order else { return }
    for index in 0..<rows { order[index] = Int64(index) }
    Random(seed: seed, stream: 0x7368_7566_666c_6531, step: UInt64(epoch)).permutation(into: order)
  }

  func next() -> Batch? {
    guard position < rows else { return nil }
    let count = min(batchSize, rows - position)
    for index in tensors.indices {
      let tensor = tensors[index]
      let elements = tensor.type.shape.sample.count
      let source = tensor.data.map { UnsafeRawPointer($0) }
      var shape = tensor.type.shape
      shape[0] = count
      if let memory = staging[index], let source {
        gather(source, tensor.type.dtype, elements, count, to: memory.base, dtypes[index])
        views[index] = TensorView(memory.base, TensorType(dtypes[index], shape))
      } else {
        views[index] = TensorView(
          tensor.data.map { $0 + position * elements * tensor.type.dtype.size }, TensorType(tensor.type.dtype, shape))
      }
    }
    position += count
    return Batch(
      inputs: UnsafeBufferPointer(start: views.baseAddress, count: inputCount),
      targets: UnsafeBufferPointer(rebasing: views[inputCount...]))
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
