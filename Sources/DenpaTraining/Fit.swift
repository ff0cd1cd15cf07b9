import CShim
import DenpaCore
import DenpaGraph

/// The options of `fit`.
public struct FitOptions {
  public var epochs = 1
  /// The number of rows in a batch; nil: `TrainerOptions.maximumRows`.
  public var batchSize: Int?
  public var shuffle = true
  public var validationInputs: UnsafeBufferPointer<TensorView>?
  public var validationTargets: UnsafeBufferPointer<TensorView>?

  public init() {}
}

/// What `fit` reports while it runs.
public struct Progress {
  public var epoch = 0
  public var epochs = 0
  public var batch = 0
  public var batches: Int?
  public var samples = 0
  public var loss = 0.0
  public var accuracy = Double.nan
  public var validationLoss = Double.nan
  public var validationAccuracy = Double.nan
  public var endOfEpoch = false

  /// The error to throw if the callback stops the training here.
  var stopped: DenpaError {
    let place: Message =
      endOfEpoch
      ? "after epoch \(epoch + 1) of \(epochs)" : "in epoch \(epoch + 1) of \(epochs), after batch \(batch)"
    return DenpaError(.stopped, "training was stopped \(place)")
  }
}

/// Returns whether to continue.
public typealias ProgressCallback = (Progress) throws(DenpaError) -> Bool

extension Trainer {
  /// The minimum number of nanoseconds between two calls of the progress callback within an epoch.
  static let callbackInterval: UInt64 = 50_000_000

  /// Trains on tensors in memory. Returns the mean loss of the last epoch.
  public func fit(
    _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>,
    _ fitOptions: FitOptions,
    progress: ProgressCallback?
  ) throws(DenpaError) -> Double {
    let batchSize = try checkedBatchSize(fitOptions)
    let executor = try checkData(inputs, targets, training: true, batchSize: batchSize)
    let source = try ArraySource(
      inputs: inputs, targets: targets, executor, isSample: isSample(inputs), batchSize: batchSize,
      shuffleSeed: fitOptions.shuffle ? model.seed : nil)
    return try fit(source, fitOptions, progress: progress)
  }

  /// Checks a whole data set against the model and the losses, before any of it is read. Returns the executor
  /// for its batches.
  @discardableResult
  public func checkData(
    _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>, training: Bool,
    batchSize: Int
  ) throws(DenpaError) -> Executor {
    let sizes = try model.sizes(of: inputs)
    let rows = sizes.rows
    let batch = BatchSizes(rows: min(rows, batchSize), extents: sizes.extents)
    let executor = try executor(training: training, batch, inputs, targets)
    let isSample = isSample(inputs)
    for index in 0..<inputs.count + targets.count {
      let view = index < inputs.count ? inputs[index] : targets[index - inputs.count]
      let others = try executor.rowsOfAnySize(index, view)
      guard others == rows else {
        throw DenpaError(
          .badShape,
          "\(executor.describe(index)): expected \(rows) rows like \(executor.describe(0)), got \(view.type.shape)"
        )
      }
      try view.checkFits(executor.plan.slots[index].type.dtype, executor.describe(index))
      // All tensors are divided into batches in the same way: a single sample among tensors with a batch axis
      // would be divided along the wrong axis.
      let expected = executor.plan.slots[index].type
      guard view.isSample(of: expected) == isSample else {
        throw DenpaError(
          .badShape,
          "\(executor.describe(index)): expected \(isSample ? expected.shape.sample : expected.shape) like \(executor.describe(0)), which \(isSample ? "is one sample" : "has a batch axis"), got \(view.type.shape)"
        )
      }
    }
    return executor
  }

  private func checkedBatchSize(_ fitOptions: FitOptions) throws(DenpaError) -> Int {
    let batchSize = fitOptions.batchSize ?? options.maximumRows
    guard (1...Int(Int32.max)).contains(batchSize) else {
      throw DenpaError(.badArgument, "batch_size is 1 to 2147483647, got \(batchSize)")
    }
    return batchSize
  }

  /// Trains on batches from a source. What was learned before an error or a stop is published.
  public func fit(
    _ source: some BatchSource, _ fitOptions: FitOptions, progress: ProgressCallback?
  ) throws(DenpaError) -> Double {
    guard hasOptimizer else {
      throw DenpaError(.badState, "the trainer has no optimizer: give one when it is made")
    }
    guard !options.losses.isEmpty else {
      throw DenpaError(
        .badState, "the trainer has no loss: give one when it is made, or use forward and backward")
    }
    try checkValidation(fitOptions)
    guard fitOptions.epochs > 0 else {
      throw DenpaError(.badArgument, "epochs is 1 or more, got \(fitOptions.epochs)")
    }
    var learned = false
    do {
      return try epochs(source, fitOptions, progress, &learned)
    } catch {
      // What was learned before the error is kept. If nothing was learned, nothing changes.
      if learned { try publish() }
      throw error
    }
  }

  private func epochs(
    _ source: some BatchSource, _ fitOptions: FitOptions, _ callback: ProgressCallback?, _ learned: inout Bool
  ) throws(DenpaError) -> Double {
    var meter = try Meter(options.losses, measuresAccuracy: callback != nil && measuresAccuracy)
    var pacer = Pacer()
    var progress = Progress()
    progress.epochs = fitOptions.epochs
    progress.batches = source.batchCount
    for epoch in 0..<fitOptions.epochs {
      try source.start(epoch: epochCount)
      meter.reset()
      progress.epoch = epoch
      progress.batch = 0
      progress.endOfEpoch = false
      progress.validationLoss = .nan
      progress.validationAccuracy = .nan
      while let batch = try source.next(self, training: true) {
        try withExecutor(of: batch) { executor throws(DenpaError) in
          let loss = try learn(executor, batch.rows)
          meter.add(loss, batch.rows, executor, self)
        }
        learned = true
        progress.batch += 1
        if let callback, pacer.isDue(callbackInterval: Trainer.callbackInterval) {
          meter.report(to: &progress)
          guard try callback(progress) else { throw progress.stopped }
        }
      }
      epochCount += 1
      try publish()
      meter.report(to: &progress)
      progress.endOfEpoch = true
      try validate(fitOptions, &progress)
      if let callback, try !callback(progress) { throw progress.stopped }
    }
    return progress.loss
  }

  /// Checks the validation data. The errors say that they concern it.
  @inline(never)
  private func checkValidation(_ fitOptions: FitOptions) throws(DenpaError) {
    guard let inputs = fitOptions.validationInputs, let targets = fitOptions.validationTargets else { return }
    do throws(DenpaError) {
      try checkData(inputs, targets, training: false, batchSize: maximumRows)
      guard isSample(inputs) || inputs.allSatisfy({ $0.type.shape[0] > 0 }) else {
        throw DenpaError(.badArgument, "the tensors have no rows")
      }
    } catch {
      throw error.inside("validation data")
    }
  }

  @inline(never)
  private func validate(_ fitOptions: FitOptions, _ progress: inout Progress) throws(DenpaError) {
    guard let inputs = fitOptions.validationInputs, let targets = fitOptions.validationTargets else { return }
    do { (progress.validationLoss, progress.validationAccuracy) = try evaluate(inputs, targets) } catch {
      throw error.inside("validation data")
    }
  }

  /// Returns the loss and the accuracy over all rows, computed in batches.
  public func evaluate(
    _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>
  ) throws(DenpaError) -> (loss: Double, accuracy: Double) {
    var meter = try Meter(options.losses, measuresAccuracy: measuresAccuracy)
    let batchSize = maximumRows
    let executor = try checkData(inputs, targets, training: false, batchSize: batchSize)
    let source = try ArraySource(
      inputs: inputs, targets: targets, executor, isSample: isSample(inputs), batchSize: batchSize,
      shuffleSeed: nil)
    while let batch = source.next(self, training: false) {
      try executor.execute(rows: batch.rows, parameters: weights.base, training: false)
      meter.add(executor.loss, batch.rows, executor, self)
    }
    return (meter.loss, meter.accuracy)
  }

  /// Whether the first loss has classes, so that predictions can be right or wrong.
  var measuresAccuracy: Bool { options.losses.first?.definition.spec.classTargets ?? false }
}

/// The loss and the accuracy of an epoch, whatever its batches. The loss is the mean over the samples, or the
/// sum for a term whose `reduction` is sum.
struct Meter {
  let measuresAccuracy: Bool
  /// Whether each term is a sum; empty if none is.
  private let isSum: [Bool]
  private var samples = 0
  private var lossSum = 0.0
  private var total = 0.0
  private var decisions = 0
  private var hits = 0

  init(_ losses: [LossTerm], measuresAccuracy: Bool) throws(DenpaError) {
    self.measuresAccuracy = measuresAccuracy
    var isSum: [Bool] = []
    for term in losses {
      let spec = term.definition.spec
      let attributes = try Attributes(
        checking: term.attributes, against: spec.attributes, owner: "\(spec.kind)")
      isSum.append(attributes.string("reduction") == "sum")
    }
    self.isSum = isSum.contains(true) ? isSum : []
  }

  mutating func reset() {
    (samples, lossSum, total, decisions, hits) = (0, 0, 0, 0, 0)
  }

  mutating func add(_ loss: Double, _ rows: Int, _ executor: Executor, _ trainer: Trainer) {
    guard rows > 0 else { return }
    samples += rows
    if isSum.isEmpty {
      lossSum += loss * Double(rows)
    } else {
      for index in isSum.indices {
        let value = executor.loss(ofTerm: index)
        if isSum[index] { total += value } else { lossSum += value * Double(rows) }
      }
    }
    guard measuresAccuracy else { return }
    let (right, all) = Accuracy.count(executor, rows, trainer)
    hits += right
    decisions += all
  }

  var loss: Double { (samples > 0 ? lossSum / Double(samples) : 0) + total }
  var accuracy: Double { decisions > 0 ? Double(hits) / Double(decisions) : .nan }

  func report(to progress: inout Progress) {
    progress.samples = samples
    progress.loss = loss
    progress.accuracy = accuracy
  }
}

/// Reads the clock only as often as is needed to be roughly on time: in a step of 0.1 µs, reading it would
/// take a quarter of the time.
struct Pacer {
  private var last = denpa_nanoseconds()
  private var lastCheck = denpa_nanoseconds()
  private var untilCheck = 1
  private var stride = 1

  mutating func isDue(callbackInterval: UInt64) -> Bool {
    untilCheck -= 1
    guard untilCheck <= 0 else { return false }
    let now = denpa_nanoseconds()
    let elapsed = now &- lastCheck
    if elapsed < 1_000_000 {
      stride = min(stride * 2, 1 << 20)
    } else if elapsed > 10_000_000 {
      stride = max(stride / 4, 1)
    }
    lastCheck = now
    untilCheck = stride
    guard now &- last >= callbackInterval else { return false }
    last = now
    return true
  }
}

/// Counts the rows that are classified correctly: those whose largest prediction is that of the class number
/// or of the largest target.
enum Accuracy {
  static func count(_ executor: Executor, _ rows: Int, _ trainer: Trainer) -> (hits: Int, decisions: Int) {
    let plan = executor.plan
    let output = plan.outputTensors[trainer.options.losses[0].output]
    guard let slot = plan.slots.firstIndex(where: { $0.kind == .target && $0.index == 0 }),
      let predictions = executor.values(of: output), let targets = executor.slots[slot]
    else { return (0, 0) }
    let shape = plan.tensors[output].type.shape.withRows(rows)
    let classes = max(shape.last ?? 1, 1)
    let decisions = shape.count / classes
    var hits = 0
    let target = plan.slots[slot].type.dtype
    for row in 0..<decisions {
      let chosen =
        plan.dtype == .float64
        ? largest(predictions, Double.self, row, classes) : largest(predictions, Float.self, row, classes)
      let right =
        switch target {
        case .int32: Int(targets.loadUnaligned(fromByteOffset: row * 4, as: Int32.self))
        case .int64: Int(targets.loadUnaligned(fromByteOffset: row * 8, as: Int64.self))
        case .uint8: Int(targets.load(fromByteOffset: row, as: UInt8.self))
        case .float32: largest(targets, Float.self, row, classes)
        case .float64: largest(targets, Double.self, row, classes)
        }
      if chosen == right { hits += 1 }
    }
    return (hits, decisions)
  }

  @inline(__always)
  private static func largest<F: BinaryFloatingPoint & BitwiseCopyable>(
    _ data: UnsafeMutableRawPointer, _: F.Type, _ row: Int, _ count: Int
  ) -> Int {
    var best = 0
    let start = row * count
    var value = data.loadUnaligned(fromByteOffset: start * MemoryLayout<F>.size, as: F.self)
    for index in 1..<max(count, 1) {
      let next = data.loadUnaligned(fromByteOffset: (start + index) * MemoryLayout<F>.size, as: F.self)
      if next > value {
        value = next
        best = index
      }
    }
    return best
  }
}
