import DenpaCore
import DenpaGraph

/// An optimizer that evaluates the loss of a batch more than once in a step, at weights that it tries.
///
/// It trains all parameters together: groups may only freeze some of them, and gradients are neither limited
/// nor accumulated.
protocol SearchingOptimizer: Optimizer {
  /// What it remembers from step to step besides `state`, before the first step.
  var initialNumbers: [Double] { get }
  /// Whether these numbers, from a file, can be such.
  func accepts(_ numbers: [Double]) -> Bool
  /// Checks that the optimizer can train such a network with such losses.
  func check(_ model: Model, _ options: TrainerOptions, weights: Int) throws(DenpaError)
  /// Takes a step: changes the weights, which have the loss `loss` and the gradient in `search.gradient`.
  func step(_ search: borrowing Search, loss: Double) throws(DenpaError)
}

/// A batch, and the weights at which its loss is evaluated.
struct Search: ~Copyable {
  let vector: TrainedVector
  let weights: UnsafeMutableRawPointer
  /// The gradient of the last evaluation.
  let gradient: UnsafeMutableRawPointer
  let rows: Int
  let trainer: Trainer
  let executor: Executor
  fileprivate let optimization: Optimization

  var learningRate: Double { trainer.currentRate }

  /// One of the optimizer's `initialNumbers`, as it is now.
  subscript(number: Int) -> Double {
    get { trainer.searchNumbers[number] }
    nonmutating set { trainer.searchNumbers[number] = newValue }
  }

  /// What the optimizer keeps under a name of its `state`, for all parameters.
  func state(_ index: Int) -> UnsafeMutableRawPointer { optimization.stateMemory(index) }

  /// Memory for the optimizer's own use, whose contents are lost after the step.
  func memory(byteCount: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    try optimization.searchMemory(byteCount: byteCount)
  }

  /// Computes loss and gradient at the weights as they are. The loss is infinite if either is not finite.
  func evaluate() throws(DenpaError) -> Double {
    // What layers remember changes once in a step, not with each evaluation.
    trainer.states.restore(to: weights)
    try executor.execute(rows: rows, parameters: weights, draw: trainer.forwardCount)
    let flagged = executor.takeFlagged()
    if !executor.isComplete { executor.clearUnreachedGradients() }
    return executor.loss.isFinite && flagged == nil ? executor.loss : .infinity
  }
}

extension Trainer {
  /// Takes a step of an optimizer that searches, entirely or not at all. Returns the loss before it.
  @inline(never)
  func search(
    _ optimizer: any SearchingOptimizer, _ optimization: Optimization, _ executor: Executor, _ rows: Int
  ) throws(DenpaError) -> Double {
    let search = Search(
      vector: optimization.vector, weights: weights.base, gradient: gradients.base, rows: rows, trainer: self,
      executor: executor, optimization: optimization)
    states.keep(from: weights.base)
    guard let former = optimization.formerWeights else {
      throw DenpaError(.internalError, "an optimizer that searches has no copy of the weights")
    }
    search.vector.copy(weights.base, to: former.base)
    let loss: Double
    do throws(DenpaError) {
      loss = try search.evaluate()
      guard loss.isFinite else { throw notFinite(executor, rows, nil) }
      try optimizer.step(search, loss: loss)
    } catch {
      search.vector.copy(former.base, to: weights.base)
      states.restore(to: weights.base)
      // What was remembered belongs to a step that was not taken.
      searchNumbers = optimizer.initialNumbers
      zeroGradients()
      throw error
    }
    hasGradients = false
    forwardCount += 1
    stepCount += 1
    openForward = nil
    optimization.average?.add(weights.base, step: stepCount)
    updateRate()
    return loss
  }

  /// Refuses what does not go with an optimizer that searches.
  static func checkSearch(
    _ optimizer: any SearchingOptimizer, _ options: TrainerOptions, _ model: Model, _ vector: TrainedVector
  ) throws(DenpaError) {
    guard let settings = options.optimizer else { return }
    let name: Message = "optimizer \"\(settings.kind)\""
    guard settings.clipNorm == 0, settings.clipValue == 0 else {
      throw DenpaError(
        .badArgument, "\(name) chooses the length of a step itself: clip_norm and clip_value must be 0")
    }
    guard settings.samRadius == 0 else {
      throw DenpaError(.badArgument, "\(name) evaluates the loss itself: sam_radius must be 0")
    }
    guard options.accumulation == 1 else {
      throw DenpaError(
        .badArgument,
        "\(name) needs all rows in one batch: accumulation must be 1, got \(options.accumulation)")
    }
    if let index = settings.groups.firstIndex(where: { !$0.isFrozen }) {
      throw DenpaError(
        .badArgument,
        "\(name) trains all parameters together: parameter group \(index) can only be frozen")
    }
    try optimizer.check(model, options, weights: vector.count)
  }
}
