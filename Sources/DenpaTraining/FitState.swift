import DenpaCore
import DenpaGraph

/// A `fit` while it runs. Between two batches it can be written down (`FitMemory`) and go on elsewhere.
final class FitState {
  var progress = Progress()
  var meter: Meter
  /// The number of complete epochs.
  var completed = 0
  let watch: StoppingWatch?
  let checkpoint: CheckpointRule?
  /// The loss of the last complete epoch.
  var loss = 0.0
  /// Whether early stopping has ended the training.
  var hasEnded = false

  init(_ options: FitOptions, _ trainer: Trainer, isReported: Bool) throws(DenpaError) {
    meter = try Meter(trainer, measures: isReported)
    watch = try options.stopping.map { rule throws(DenpaError) in try StoppingWatch(rule, trainer) }
    checkpoint = options.checkpoint
    progress.epochs = options.epochs
  }

  /// Allocates memory.
  var memory: FitMemory {
    var memory = FitMemory()
    memory.epoch = completed
    if !progress.endOfEpoch {
      (memory.batch, memory.samples) = (progress.batch, progress.samples)
      memory.meter = meter.gathered
    }
    (memory.loss, memory.hasEnded) = (loss, hasEnded)
    (memory.best, memory.waited) = (watch?.best, watch?.waited ?? 0)
    memory.bestSaved = checkpoint?.best
    memory.bestWeights = watch?.kept
    return memory
  }

  /// Goes to where another fit was.
  func resume(_ memory: FitMemory, _ trainer: Trainer) throws(DenpaError) {
    (completed, progress.epoch) = (memory.epoch, memory.epoch)
    (progress.batch, progress.samples) = (memory.batch, memory.samples)
    if memory.batch > 0, !meter.resume(memory.meter) {
      throw DenpaError(
        .badArgument,
        "resume: the fit that was interrupted measured other numbers; give it the same losses and metrics, and a callback, early stopping or a checkpoint where that one had them"
      )
    }
    (loss, hasEnded) = (memory.loss, memory.hasEnded)
    checkpoint?.best = memory.bestSaved
    watch?.resume(memory, trainer)
  }
}

/// Where a `fit` was, and what it had gathered.
public struct FitMemory {
  /// The complete epochs, and what is done of the next one.
  var epoch = 0, batch = 0, samples = 0
  var loss = 0.0
  var hasEnded = false
  /// The best value of the number that early stopping monitors, and the epochs since.
  var best: Double?
  var waited = 0
  /// The best value of the number that decides about checkpoints.
  var bestSaved: Double?
  var meter: [Double] = []
  /// The weights of the best epoch, in the layout of the model.
  var bestWeights: Buffer?

  private static let fixedCount = 10

  /// Everything but the weights.
  var numbers: [Double] {
    [
      Double(epoch), Double(batch), Double(samples), loss, hasEnded ? 1 : 0, best == nil ? 0 : 1, best ?? 0,
      Double(waited), bestSaved == nil ? 0 : 1, bestSaved ?? 0,
    ] + meter
  }

  init() {}

  /// nil if the numbers cannot be those of a fit.
  init?(_ numbers: [Double]) {
    guard numbers.count >= FitMemory.fixedCount else { return nil }
    let counts = [0, 1, 2, 7], flags = [4, 5, 8]
    guard counts.allSatisfy({ Double(numbers.count(at: $0)) == numbers[$0] }),
      flags.allSatisfy({ numbers[$0] == 0 || numbers[$0] == 1 })
    else { return nil }
    (epoch, batch, samples) = (numbers.count(at: 0), numbers.count(at: 1), numbers.count(at: 2))
    (loss, hasEnded, waited) = (numbers[3], numbers[4] == 1, numbers.count(at: 7))
    best = numbers[5] == 1 ? numbers[6] : nil
    bestSaved = numbers[8] == 1 ? numbers[9] : nil
    meter = Array(numbers[FitMemory.fixedCount...])
  }
}

extension BatchSource {
  /// Passes over batches that an interrupted fit has trained on. Returns their number of rows.
  public func skip(_ count: Int, _ trainer: Trainer) throws(DenpaError) -> Int {
    var rows = 0
    for _ in 0..<count {
      guard let batch = try next(trainer, training: true) else { break }
      rows += batch.rows
    }
    return rows
  }
}
