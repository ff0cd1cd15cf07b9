import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaPlugins
import DenpaTraining

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
    let chosen = try Denpa.options(given, default: denpa_fit_options(), "denpa_fit_options")
    var result = FitOptions()
    guard chosen.epochs >= 0 else {
      throw DenpaError(.badArgument, "epochs is 0 (1) or more, got \(chosen.epochs)")
    }
    guard chosen.batch_size >= 0 else {
      throw DenpaError(.badArgument, "batch_size is 0 (max_batch) or more, got \(chosen.batch_size)")
    }
    result.epochs = max(Int(chosen.epochs), 1)
    result.batchSize = chosen.batch_size == 0 ? nil : Int(chosen.batch_size)
    result.shuffle = chosen.no_shuffle == 0
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
        chosen.validation_targets, Int32(trainer.targetCount), "validation target",
        expected: trainer.targetCount, strided: true
      ).views
    }
    options = result
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
      told.loss = progress.loss
      told.accuracy = progress.accuracy
      told.validation_loss = progress.validationLoss
      told.validation_accuracy = progress.validationAccuracy
      told.end_of_epoch = progress.endOfEpoch ? 1 : 0
      return try handle.callBack("the progress callback") { note, place in
        denpa_shim_progress(Callback.address(callback), userData, &told, note, place)
      } == DENPA_OK
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
    // The options refer to validation data that `chosen` holds.
    defer { withExtendedLifetime(chosen) {} }
    let result = try trainer.fit(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount, strided: true).views,
      try handle.targets.read(targets, target_count, "target", expected: trainer.targetCount, strided: true)
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
    targetCount = handle.trainer.targetCount
    tensors = .allocate(capacity: inputCount + targetCount)
    tensors.initialize(repeating: denpa_tensor(), count: inputCount + targetCount)
  }

  deinit { tensors.deallocate() }

  var batchCount: Int? { nil }

  func start(epoch: Int64) throws(DenpaError) {
    defer { isFirst = false }
    guard !isFirst else { return }
    guard let rewind else {
      throw DenpaError(.badArgument, "more than one epoch needs a rewind callback")
    }
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
    return try trainer.bindBatch(
      try handle.inputs.read(tensors, Int32(inputCount), "input", expected: inputCount),
      try handle.targets.read(tensors + inputCount, Int32(targetCount), "target", expected: targetCount),
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
    guard chosen.options.epochs == 1 || rewind != nil else {
      throw DenpaError(.badArgument, "more than one epoch needs a rewind callback")
    }
    defer { withExtendedLifetime(chosen) {} }
    let result = try trainer.fit(
      CallbackSource(next, rewind, source, handle), chosen.options, progress: chosen.progress)
    loss?.pointee = result
  }
}
