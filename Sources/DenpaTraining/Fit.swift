import DenpaCore
import DenpaGraph

/// The options of `fit`.
public struct FitOptions {
  public var epochs = 1
  /// The number of rows in a batch; nil: `TrainerOptions.maximumRows`.
  public var batchSize: Int?
  public var sampling = Sampling.shuffled
  /// The weights of the rows for `Sampling.weighted`.
  public var rowWeights: TensorView?
  /// The number of rows in an epoch; nil: all.
  public var epochRows: Int?
  /// The batches of an epoch; nil: the source says when it ends.
  public var epochBatches: Int?
  public var validationInputs: UnsafeBufferPointer<TensorView>?
  public var validationTargets: UnsafeBufferPointer<TensorView>?
  /// The part of the rows that is held out for validation instead, and whether each class is divided alike.
  public var validationFraction = 0.0
  public var isStratified = false
  /// After how many epochs validation takes place; it does after the last one.
  public var validationEvery = 1
  /// After how many batches the callback is called within an epoch; nil: by the clock.
  public var callbackEvery: Int?
  public var stopping: EarlyStopping?
  public var checkpoint: CheckpointRule?
  /// Whether it goes on where the last fit was interrupted.
  public var resumes = false

  public init() {}
}

/// What `fit` reports while it runs.
public struct Progress {
  public var epoch = 0
  public var epochs = 0
  public var batch = 0
  public var batches: Int?
  public var samples = 0
  public var training = Measures()
  /// nil within an epoch, and after an epoch without validation.
  public var validation: Measures?
  /// The learning rate of the next step.
  public var learningRate = 0.0
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

/// What is evaluated after an epoch: tensors of its own, or rows of those that are trained on.
private struct ValidationData {
  var inputs: UnsafeBufferPointer<TensorView>
  var targets: UnsafeBufferPointer<TensorView>
  var split: RowSplit?
}

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
    let isSample = isSample(inputs)
    let rows = isSample ? 1 : inputs[0].type.shape[0]
    var validation: ValidationData?
    if fitOptions.validationFraction > 0 {
      guard fitOptions.validationInputs == nil else {
        throw DenpaError(.badArgument, "validation data and a validation_fraction: give one of them")
      }
      let classes = fitOptions.isStratified ? try classes(targets) : nil
      let split = try RowSplit(
        rows, fraction: fitOptions.validationFraction, classes: classes, seed: model.seed)
      validation = ValidationData(inputs: inputs, targets: targets, split: split)
    }
    let order = try RowOrder(
      of: rows, among: validation?.split?.training, fitOptions.sampling, weights: fitOptions.rowWeights,
      count: fitOptions.epochRows, seed: model.seed)
    let source = try ArraySource(
      inputs: inputs, targets: targets, executor, isSample: isSample, batchSize: batchSize, order)
    return try fit(source, fitOptions, validation, progress: progress)
  }

  /// Returns the class number of each row from the target of the first loss.
  private func classes(_ views: UnsafeBufferPointer<TensorView>) throws(DenpaError) -> (Int) -> Int64 {
    guard let view = views.first, !view.type.dtype.isFloat, view.type.shape.sample.count == 1,
      let data = view.data
    else {
      throw DenpaError(
        .badArgument, "a stratified split needs class numbers, one for each row, as the first targets")
    }
    let stride = view.strides.map { Int($0[0]) } ?? 1, dtype = view.type.dtype
    return { dtype.integer(data, $0 * stride) }
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
    guard fitOptions.validationFraction == 0 else {
      throw DenpaError(.badArgument, "a source of batches has no validation_fraction: give validation data")
    }
    return try fit(source, fitOptions, nil, progress: progress)
  }

  private func fit(
    _ source: some BatchSource, _ fitOptions: FitOptions, _ heldOut: ValidationData?,
    progress: ProgressCallback?
  ) throws(DenpaError) -> Double {
    guard hasOptimizer else {
      throw DenpaError(.badState, "the trainer has no optimizer: give one when it is made")
    }
    guard !options.losses.isEmpty else {
      throw DenpaError(
        .badState, "the trainer has no loss: give one when it is made, or use forward and backward")
    }
    let validation = heldOut == nil ? try checkedValidation(fitOptions) : heldOut
    guard fitOptions.epochs > 0 else {
      throw DenpaError(.badArgument, "epochs is 1 or more, got \(fitOptions.epochs)")
    }
    let memory = fitMemory
    guard !fitOptions.resumes || memory != nil else {
      throw DenpaError(
        .badState, "resume: this trainer has no fit to go on with; load one with denpa_trainer_load")
    }
    let isReported = progress != nil || fitOptions.stopping != nil || fitOptions.checkpoint != nil
    let state = try FitState(fitOptions, self, isReported: isReported)
    if fitOptions.resumes, let memory { try state.resume(memory, self) }
    try checkMemory("a fit")
    (fitState, loadedFit) = (state, nil)
    var learned = false
    do {
      try epochs(source, fitOptions, validation, state, progress, &learned)
      try state.watch?.restore(self)
      keepFitMemory(state)
      return state.loss
    } catch {
      // What was learned before the error is kept. If nothing was learned, nothing changes.
      if learned {
        try publish()
        try state.watch?.restore(self)
      }
      throw error
    }
  }

  /// Where the last fit was, if there is one.
  var fitMemory: FitMemory? { fitState?.memory ?? loadedFit }

  /// Keeps of a fit that is over what another one needs to go on from it. The best weights are in place.
  private func keepFitMemory(_ state: FitState) {
    loadedFit = state.memory
    loadedFit?.bestWeights = nil
    fitState = nil
  }

  private func epochs(
    _ source: some BatchSource, _ fitOptions: FitOptions, _ validation: ValidationData?, _ state: FitState,
    _ callback: ProgressCallback?, _ learned: inout Bool
  ) throws(DenpaError) {
    var pacer = Pacer()
    state.progress.batches = fitOptions.epochBatches ?? source.batchCount
    let limit = fitOptions.epochBatches ?? Int.max
    let looks = callback != nil || fitOptions.checkpoint?.batches != nil
    while state.completed < fitOptions.epochs, !state.hasEnded {
      try source.start(epoch: epochCount)
      if state.progress.batch > 0, !state.progress.endOfEpoch {
        try skipWhatIsDone(source, state, limit)
      } else {
        state.meter.reset()
        (state.progress.batch, state.progress.samples) = (0, 0)
      }
      state.progress.epoch = state.completed
      state.progress.endOfEpoch = false
      state.progress.validation = nil
      while state.progress.batch < limit, let batch = try source.next(self, training: true) {
        try withExecutor(of: batch) { executor throws(DenpaError) in
          let loss = try learn(executor, batch.rows)
          try state.meter.add(loss, batch.rows, executor, self)
        }
        learned = true
        state.progress.batch += 1
        state.progress.samples += batch.rows
        if looks { try look(state, fitOptions, callback, &pacer) }
      }
      try endEpoch(state, fitOptions, validation, callback)
    }
  }

  /// Calls the callback and saves a checkpoint within an epoch, if they are due.
  private func look(
    _ state: FitState, _ fitOptions: FitOptions, _ callback: ProgressCallback?, _ pacer: inout Pacer
  ) throws(DenpaError) {
    try state.checkpoint?.endBatch(state.progress, self)
    guard let callback else { return }
    let isDue =
      fitOptions.callbackEvery.map { state.progress.batch % $0 == 0 }
      ?? pacer.isDue(callbackInterval: Trainer.callbackInterval)
    guard isDue else { return }
    state.progress.training = state.meter.measures
    state.progress.learningRate = currentRate
    guard try callback(state.progress) else { throw state.progress.stopped }
  }

  private func skipWhatIsDone(
    _ source: some BatchSource, _ state: FitState, _ limit: Int
  ) throws(DenpaError) {
    // A source without an end would be read for as long as a damaged file says.
    guard state.progress.batch <= limit else {
      throw DenpaError(
        .badArgument,
        "resume: the interruption was after batch \(state.progress.batch) of an epoch, and this one has \(limit)"
      )
    }
    let rows = try source.skip(state.progress.batch, self)
    guard rows == state.progress.samples else {
      throw DenpaError(
        .badArgument,
        "resume: the \(state.progress.batch) batches before the interruption had \(state.progress.samples) rows, those of this data have \(rows); give it the same data and batch size"
      )
    }
  }

  private func endEpoch(
    _ state: FitState, _ fitOptions: FitOptions, _ validation: ValidationData?, _ callback: ProgressCallback?
  ) throws(DenpaError) {
    try stepWithTheRest()
    try publish()
    let loss = state.meter.loss
    if callback != nil || state.watch != nil || state.checkpoint != nil {
      state.progress.training = state.meter.measures
    }
    // The epoch is complete, whatever becomes of its validation: an interrupted fit is never between two.
    let epoch = state.progress.epoch
    epochCount += 1
    (state.loss, state.completed, state.progress.endOfEpoch) = (loss, epoch + 1, true)
    if let validation, epoch == fitOptions.epochs - 1 || (epoch + 1) % fitOptions.validationEvery == 0 {
      do throws(DenpaError) {
        state.progress.validation = try evaluate(
          validation.inputs, validation.targets, rows: validation.split?.validation)
      } catch { throw error.inside("validation data") }
    }
    endEpoch(loss: state.progress.validation?.loss ?? loss)
    state.progress.learningRate = currentRate
    state.hasEnded = !(state.watch?.goesOn(after: state.progress, self) ?? true)
    try state.checkpoint?.endEpoch(state.progress, self)
    if let callback, try !callback(state.progress) { throw state.progress.stopped }
  }

  /// Checks the validation data. The errors say that they concern it.
  @inline(never)
  private func checkedValidation(_ fitOptions: FitOptions) throws(DenpaError) -> ValidationData? {
    guard let inputs = fitOptions.validationInputs, let targets = fitOptions.validationTargets else {
      return nil
    }
    do throws(DenpaError) {
      try checkData(inputs, targets, training: false, batchSize: maximumRows)
      guard isSample(inputs) || inputs.allSatisfy({ $0.type.shape[0] > 0 }) else {
        throw DenpaError(.badArgument, "the tensors have no rows")
      }
    } catch {
      throw error.inside("validation data")
    }
    return ValidationData(inputs: inputs, targets: targets, split: nil)
  }

  /// Returns the loss and the metrics over all rows, computed in batches.
  public func evaluate(
    _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>
  ) throws(DenpaError) -> Measures { try evaluate(inputs, targets, rows: nil) }

  private func evaluate(
    _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>,
    rows part: RowSplit.Part?
  ) throws(DenpaError) -> Measures {
    var meter = try Meter(self, measures: true)
    let batchSize = maximumRows
    let executor = try checkData(inputs, targets, training: false, batchSize: batchSize)
    let isSample = isSample(inputs)
    let order = try RowOrder(
      of: isSample ? 1 : inputs[0].type.shape[0], among: part, .inOrder, weights: nil, count: nil,
      seed: model.seed)
    let source = try ArraySource(
      inputs: inputs, targets: targets, executor, isSample: isSample, batchSize: batchSize, order)
    source.start(epoch: 0)
    let parameters = publishedWeights
    while let batch = source.next(self, training: false) {
      try executor.execute(rows: batch.rows, parameters: parameters, training: false)
      try meter.add(executor.loss, batch.rows, executor, self)
    }
    return meter.measures
  }
}
