import DenpaCore
import DenpaGraph

/// A number of an epoch that something depends on: a loss, or a metric by its number.
public struct Monitor: Sendable {
  public enum Number: Sendable { case loss, metric(Int) }
  var number: Number
  public var isOfValidation: Bool
  public var isBetterHigher: Bool

  /// The number in a report of progress; nil if the epoch does not have it.
  public func value(in progress: Progress) -> Double? {
    guard let measures = isOfValidation ? progress.validation : progress.training else { return nil }
    return switch number {
    case .loss: measures.loss
    case .metric(let index): measures.metrics[index]
    }
  }

  /// Whether a value is better than the best so far, by at least `delta`. NaN never is.
  public func isBetter(_ value: Double, than best: Double?, by delta: Double = 0) -> Bool {
    guard !value.isNaN else { return false }
    guard let best else { return true }
    return isBetterHigher ? value > best + delta : value < best - delta
  }
}

/// When `fit` ends before its last epoch.
public struct EarlyStopping: Sendable {
  public var monitor: Monitor
  /// The epochs without progress after which it ends; 0: it goes on to the last.
  public var patience: Int
  /// What counts as progress.
  public var minimumDelta: Double
  /// Whether the weights are those of the best epoch at the end.
  public var restoresBest: Bool

  public init(_ monitor: Monitor, patience: Int, minimumDelta: Double, restoresBest: Bool) {
    self.monitor = monitor
    self.patience = patience
    self.minimumDelta = minimumDelta
    self.restoresBest = restoresBest
  }
}

/// When `fit` saves a checkpoint.
public final class CheckpointRule {
  private let every: Int
  private let monitor: Monitor?
  /// The number of batches between two savings within an epoch; nil: none.
  let batches: Int?
  private let save: (Trainer) throws(DenpaError) -> Void
  /// The best value of `monitor` so far.
  var best: Double?

  /// `ifBest`: it is saved only if this number was better than ever before.
  public init(
    every: Int, batches: Int?, ifBest monitor: Monitor?,
    _ save: @escaping (Trainer) throws(DenpaError) -> Void
  ) {
    self.every = every
    self.batches = batches
    self.monitor = monitor
    self.save = save
  }

  func endBatch(_ progress: Progress, _ trainer: Trainer) throws(DenpaError) {
    if let batches, progress.batch % batches == 0 { try save(trainer) }
  }

  func endEpoch(_ progress: Progress, _ trainer: Trainer) throws(DenpaError) {
    guard (progress.epoch + 1) % every == 0 else { return }
    if let monitor {
      guard let value = monitor.value(in: progress), monitor.isBetter(value, than: best) else { return }
      best = value
    }
    try save(trainer)
  }
}

/// What early stopping remembers during one `fit`.
final class StoppingWatch {
  private let rule: EarlyStopping
  /// The weights of the best epoch, if they are to be restored.
  let kept: Buffer?
  private(set) var best: Double?
  private(set) var waited = 0

  init(_ rule: EarlyStopping, _ trainer: Trainer) throws(DenpaError) {
    self.rule = rule
    kept = rule.restoresBest ? try trainer.model.layout.makeBuffer(zeroed: false, "the best weights") : nil
  }

  /// Returns whether to go on after an epoch.
  func goesOn(after progress: Progress, _ trainer: Trainer) -> Bool {
    guard let value = rule.monitor.value(in: progress) else { return true }
    if rule.monitor.isBetter(value, than: best, by: rule.minimumDelta) {
      best = value
      waited = 0
      if let kept { trainer.copyWeights(to: kept) }
      return true
    }
    waited += 1
    return rule.patience == 0 || waited < rule.patience
  }

  /// Goes on from what another watch has remembered. Where that kept no weights, those of now are the best: it
  /// has put them in place.
  func resume(_ memory: FitMemory, _ trainer: Trainer) {
    (best, waited) = (memory.best, memory.waited)
    guard let kept, best != nil else { return }
    if let weights = memory.bestWeights {
      trainer.model.layout.copy(weights.base, to: kept.base)
    } else {
      trainer.copyWeights(to: kept)
    }
  }

  /// Puts the weights of the best epoch in place, if they were kept.
  func restore(_ trainer: Trainer) throws(DenpaError) {
    guard let kept, best != nil else { return }
    trainer.copyWeights(from: kept)
    try trainer.publish()
  }
}

extension Trainer {
  /// Returns the number that a name stands for: "loss", a metric's name, or either behind "validation_".
  public func monitor(_ name: String) throws(DenpaError) -> Monitor {
    let prefix = "validation_"
    let isOfValidation = name.hasPrefix(prefix)
    let wanted = isOfValidation ? String(name.dropFirst(prefix.utf8.count)) : name
    if wanted == "loss" {
      return Monitor(number: .loss, isOfValidation: isOfValidation, isBetterHigher: false)
    }
    guard let index = options.metrics.firstIndex(where: { $0.name == wanted }) else {
      let known = ["loss"] + options.metrics.map(\.name)
      throw DenpaError(
        .badArgument,
        "there is nothing called \"\(name)\" to monitor; there are \(list: known), each also with \"\(prefix)\" in front"
      )
    }
    return Monitor(
      number: .metric(index), isOfValidation: isOfValidation,
      isBetterHigher: options.metrics[index].isBetterHigher)
  }

  func copyWeights(to buffer: Buffer) {
    model.layout.copy(publishedWeights, to: buffer.base)
  }

  func copyWeights(from buffer: Buffer) {
    openForward = nil
    model.layout.copy(buffer.base, to: weights.base)
    optimization?.average?.restart()
  }
}
