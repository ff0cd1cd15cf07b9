import CDenpa
import CShim
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaPlugins
import DenpaTraining

/// The sizes of denpa_fit_options before sampling and early stopping were added, and before epoch_batches, and before
/// checkpoints within an epoch.
private let formerFitOptions = [64, 160, 168]

/// Reads the options of `fit`; validation tensors are in lists that live as long as the call.
private struct FitCall {
  var options: FitOptions
  let callback: denpa_progress_callback?
  let userData: UnsafeMutableRawPointer?
  let handle: TrainerHandle
  let validationInputs = ViewList()
  let validationTargets = ViewList()

  init(_ given: UnsafePointer<denpa_fit_options>?, _ handle: TrainerHandle) throws(DenpaError) {
    let trainer = handle.trainer
    self.handle = handle
    let chosen = try Denpa.options(
      given, default: denpa_fit_options(), "denpa_fit_options", former: formerFitOptions)
    try requireZero(chosen.reserved == 0, "denpa_fit_options")
    var result = FitOptions()
    func count(_ number: Int64, _ name: StaticString, _ otherwise: StaticString) throws(DenpaError) -> Int? {
      guard number >= 0 else {
        throw DenpaError(.badArgument, "\(name) is 0 (\(otherwise)) or more, got \(number)")
      }
      return number == 0 ? nil : Int(number)
    }
    result.epochs = try count(chosen.epochs, "epochs", "1") ?? 1
    result.batchSize = try count(chosen.batch_size, "batch_size", "max_batch")
    result.callbackEvery = try count(chosen.callback_every, "callback_every", "by the clock")
    result.validationEvery = try count(chosen.validation_every, "validation_every", "1") ?? 1
    result.epochRows = try count(chosen.epoch_rows, "epoch_rows", "all")
    result.epochBatches = try count(chosen.epoch_batches, "epoch_batches", "as the source says")
    guard let sampling = Sampling(rawValue: chosen.sampling) else {
      throw DenpaError(.badArgument, "sampling is 0 (shuffled) to 3 (weighted), got \(chosen.sampling)")
    }
    result.sampling = sampling
    guard (sampling == .weighted) == (chosen.row_weights != nil) else {
      throw DenpaError(.badArgument, "row_weights belong to weighted sampling: give both or neither")
    }
    if let weights = chosen.row_weights {
      result.rowWeights = try view(weights, "row_weights", 0, strided: true)
    }
    guard chosen.validation_fraction >= 0, chosen.validation_fraction < 1 else {
      throw DenpaError(
        .badArgument, "validation_fraction is 0 (none) or more and below 1, got \(chosen.validation_fraction)"
      )
    }
    guard chosen.stratified == 0 || chosen.validation_fraction > 0 else {
      throw DenpaError(.badArgument, "stratified is for a validation_fraction")
    }
    result.validationFraction = chosen.validation_fraction
    result.isStratified = chosen.stratified != 0
    callback = chosen.callback
    userData = chosen.user_data
    guard chosen.validation_count == 0 || chosen.validation_count == 1 else {
      throw DenpaError(
        .badArgument,
        "validation_count is 1 where validation data is given and 0 otherwise, got \(chosen.validation_count)"
      )
    }
    guard
      chosen.validation_count == 1 || (chosen.validation_inputs == nil && chosen.validation_targets == nil)
    else {
      throw DenpaError(.badArgument, "validation data is given, but validation_count is 0: set it to 1")
    }
    if chosen.validation_count != 0 {
      result.validationInputs = try validationInputs.read(
        chosen.validation_inputs, Int32(trainer.inputCount), "validation input", expected: trainer.inputCount,
        strided: true
      ).views
      result.validationTargets = try validationTargets.read(
        chosen.validation_targets, Int32(trainer.lossTensors.targetCount), "validation target",
        expected: trainer.lossTensors.targetCount, strided: true
      ).views
    }
    try FitCall.readRules(chosen, trainer, &result)
    result.resumes = chosen.resume != 0
    options = result
  }

  /// Reads what depends on the numbers of an epoch: early stopping, checkpoints.
  private static func readRules(
    _ chosen: denpa_fit_options, _ trainer: Trainer, _ result: inout FitOptions
  ) throws(DenpaError) {
    let validates = chosen.validation_count == 1 || chosen.validation_fraction > 0
    let name =
      chosen.monitor == nil
      ? validates ? "validation_loss" : "loss" : try requireName(chosen.monitor, "the monitor")
    let monitor = try trainer.monitor(name)
    guard validates || !monitor.isOfValidation else {
      throw DenpaError(.badArgument, "monitor \"\(name)\": there is no validation data")
    }
    guard chosen.patience >= 0, chosen.min_delta >= 0, chosen.min_delta.isFinite else {
      throw DenpaError(
        .badArgument,
        "patience is 0 (none) or more and min_delta is 0 or more, got \(chosen.patience) and \(chosen.min_delta)"
      )
    }
    if chosen.patience > 0 || chosen.restore_best != 0 {
      result.stopping = EarlyStopping(
        monitor, patience: Int(chosen.patience), minimumDelta: chosen.min_delta,
        restoresBest: chosen.restore_best != 0)
    }
    guard chosen.checkpoint_every >= 0 else {
      throw DenpaError(.badArgument, "checkpoint_every is 0 (1) or more, got \(chosen.checkpoint_every)")
    }
    guard chosen.checkpoint_batches >= 0 else {
      throw DenpaError(
        .badArgument, "checkpoint_batches is 0 (none) or more, got \(chosen.checkpoint_batches)")
    }
    guard let path = chosen.checkpoint else {
      guard chosen.checkpoint_every == 0, chosen.checkpoint_best == 0, chosen.checkpoint_trainer == 0,
        chosen.checkpoint_batches == 0
      else {
        throw DenpaError(
          .badArgument,
          "checkpoint_every, checkpoint_best, checkpoint_trainer and checkpoint_batches need the path of a checkpoint"
        )
      }
      return
    }
    guard chosen.checkpoint_batches == 0 || chosen.checkpoint_best == 0 else {
      throw DenpaError(
        .badArgument, "checkpoint_best compares epochs, checkpoint_batches saves within them: set one of them"
      )
    }
    let file = try filePath(path, "the path of the checkpoint")
    let hasTrainer = chosen.checkpoint_trainer != 0
    result.checkpoint = CheckpointRule(
      every: max(Int(chosen.checkpoint_every), 1),
      batches: chosen.checkpoint_batches > 0 ? Int(chosen.checkpoint_batches) : nil,
      ifBest: chosen.checkpoint_best != 0 ? monitor : nil
    ) { trainer throws(DenpaError) in
      if hasTrainer { try trainer.saveCheckpoint(file) } else { try trainer.saveModel(file) }
    }
  }

  /// The callback in the trainer's form; holds nothing beyond the call.
  var progress: ProgressCallback? {
    guard let callback else { return nil }
    return { [userData, handle] progress throws(DenpaError) in
      var told = denpa_progress()
      told.struct_size = MemoryLayout<denpa_progress>.size
      told.epoch = Int64(progress.epoch)
      told.epochs = Int64(progress.epochs)
      told.batch = Int64(progress.batch)
      told.batches = Int64(progress.batches ?? -1)
      told.samples = Int64(progress.samples)
      told.loss = progress.training.loss
      told.validation_loss = progress.validation?.loss ?? .nan
      told.learning_rate = progress.learningRate
      told.loss_count = Int32(progress.training.terms.count)
      told.metric_count = Int32(progress.training.metrics.count)
      told.end_of_epoch = progress.endOfEpoch ? 1 : 0
      // Arrays that the callback borrows: the numbers of training, then those of validation.
      let training = progress.training.terms + progress.training.metrics
      let all = training + (progress.validation.map { $0.terms + $0.metrics } ?? [])
      try checkMemory("a report of progress")
      return try all.withUnsafeBufferPointer { (numbers) throws(DenpaError) in
        told.losses = numbers.baseAddress
        told.metrics = numbers.baseAddress.map { $0 + progress.training.terms.count }
        if progress.validation != nil {
          told.validation_losses = numbers.baseAddress.map { $0 + training.count }
          told.validation_metrics = numbers.baseAddress.map {
            $0 + training.count + progress.training.terms.count
          }
        }
        return try handle.callBack("the progress callback") { note, place in
          denpa_shim_progress(Callback.address(callback), userData, &told, note, place)
        } == DENPA_OK
      }
    }
  }
}

@implementation @_cdecl("denpa_fit")
public func denpa_fit(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32, _ given: UnsafePointer<denpa_fit_options>!,
  _ loss: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let chosen = try FitCall(given, handle)
    guard chosen.options.epochBatches == nil else {
      throw DenpaError(
        .badArgument, "epoch_batches is for denpa_fit_source: the rows of an epoch are its epoch_rows")
    }
    // The options refer to validation data that `chosen` holds.
    defer { withExtendedLifetime(chosen) {} }
    let result = try trainer.fit(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount, strided: true).views,
      try handle.targets.read(
        targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count)),
        strided: true
      )
      .views,
      chosen.options, progress: chosen.progress)
    loss?.pointee = result
  }
}

/// Batches from a C callback.
private final class CallbackSource: BatchSource {
  let next_: denpa_next_callback
  let rewind: denpa_rewind_callback?
  let source: UnsafeMutableRawPointer?
  let handle: TrainerHandle
  private let tensors: UnsafeMutablePointer<denpa_tensor>
  private let inputCount: Int
  private let targetCount: Int
  /// The number of targets and of weights of samples.
  private let tensorCount: Int
  private var isFirst = true

  init(
    _ next: @escaping denpa_next_callback, _ rewind: denpa_rewind_callback?,
    _ source: UnsafeMutableRawPointer?,
    _ handle: TrainerHandle
  ) {
    next_ = next
    self.rewind = rewind
    self.source = source
    self.handle = handle
    inputCount = handle.trainer.model.graph.inputs.count
    targetCount = handle.trainer.lossTensors.targetCount
    tensorCount = handle.trainer.lossTensors.all.count
    tensors = .allocate(capacity: inputCount + tensorCount)
    tensors.initialize(repeating: denpa_tensor(), count: inputCount + tensorCount)
  }

  deinit { tensors.deallocate() }

  var batchCount: Int? { nil }

  func start(epoch: Int64) throws(DenpaError) {
    defer { isFirst = false }
    guard !isFirst else { return }
    // A source that cannot go back goes on.
    guard let rewind else { return }
    let status = try handle.callBack("the rewind callback") { note, place in
      denpa_shim_rewind(Callback.address(rewind), source, note, place)
    }
    guard status == DENPA_OK else { throw CallbackSource.failure("the rewind callback", status) }
  }

  private static func failure(_ name: StaticString, _ answer: denpa_status) -> DenpaError {
    guard let status = Status(rawValue: answer) else {
      return DenpaError(.layerFailed, "\(name) returned \(answer), which is no status")
    }
    return DenpaError(status, "\(name) returned \(status.name)")
  }

  func next(_ trainer: Trainer, training: Bool) throws(DenpaError) -> Batch? {
    let status = try handle.callBack("the data callback") { note, place in
      denpa_shim_next(Callback.address(next_), source, tensors, tensors + inputCount, note, place)
    }
    guard status != DENPA_END_OF_DATA else { return nil }
    guard status == DENPA_OK else { throw CallbackSource.failure("the data callback", status) }
    // The callback may leave the weights of samples out.
    let hasWeights = tensorCount > targetCount && tensors[inputCount + targetCount].data != nil
    let count = hasWeights ? tensorCount : targetCount
    return try trainer.bindBatch(
      try handle.inputs.read(tensors, Int32(inputCount), "input", expected: inputCount),
      try handle.targets.read(tensors + inputCount, Int32(count), "target", expected: count),
      training: training)
  }
}

@implementation @_cdecl("denpa_fit_source")
public func denpa_fit_source(
  _ trainer: OpaquePointer!, _ next: denpa_next_callback!, _ rewind: denpa_rewind_callback!,
  _ source: UnsafeMutableRawPointer!, _ given: UnsafePointer<denpa_fit_options>!,
  _ loss: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    guard let next else { throw DenpaError(.badArgument, "the data callback is NULL") }
    guard !trainer.options.losses.isEmpty else {
      throw DenpaError(
        .badState, "the trainer has no loss: give one when it is made, or use forward and backward")
    }
    let chosen = try FitCall(given, handle)
    guard chosen.options.batchSize == nil else {
      throw DenpaError(
        .badArgument, "batch_size is 0 where a source gives the batches: it says how many rows they have")
    }
    guard chosen.options.sampling == .shuffled, chosen.options.epochRows == nil else {
      throw DenpaError(
        .badArgument, "a source of batches chooses the rows itself: sampling and epoch_rows are 0")
    }
    guard chosen.options.epochs == 1 || rewind != nil || chosen.options.epochBatches != nil else {
      throw DenpaError(
        .badArgument, "more than one epoch needs a rewind callback, or epoch_batches of a source without end")
    }
    defer { withExtendedLifetime(chosen) {} }
    let result = try trainer.fit(
      CallbackSource(next, rewind, source, handle), chosen.options, progress: chosen.progress)
    loss?.pointee = result
  }
}
