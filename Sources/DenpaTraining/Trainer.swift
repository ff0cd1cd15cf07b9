import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// The options of a trainer.
public struct TrainerOptions: Sendable {
  public var losses: [LossTerm] = []
  public var optimizer: OptimizerSettings?
  public var maximumRows = 1
  public var threads: Int32 = 1
  public var inputGradients = false
  /// Names of nodes whose values' gradients are wanted.
  public var gradientValues: [String] = []
  /// How the learning rate changes; nil: it stays.
  public var schedule: ScheduleSettings?
  /// What is measured beside the loss.
  public var metrics: [MetricTerm] = []
  /// After how many batches the optimizer takes a step, with the mean of their gradients.
  public var accumulation = 1

  public init() {}
}

/// Trains a model. A trainer has its own copy of the parameters, their gradients, the optimizer's memory, and
/// the plans that change them.
///
/// Only one thread may use it at a time; the C API serializes its calls.
public final class Trainer: @unchecked Sendable {
  public let model: Model
  public let options: TrainerOptions
  public let inputCount: Int
  /// What is passed with each batch besides the inputs, and for which loss.
  public let lossTensors: LossTensors
  /// The parameters in `weights`, with the trainable flags that they had when the trainer was made.
  public let parameters: [Parameter]
  let weights: Buffer
  let gradients: Buffer
  let states: LayerStates
  /// The number of steps of the optimizer so far, and of epochs of `fit`.
  public internal(set) var stepCount: Int64 = 0
  public internal(set) var epochCount: Int64 = 0
  /// The rate that the schedule starts from.
  public var learningRate: Double {
    didSet { currentRate = learningRate * rateFactor }
  }
  /// The rate of the next step.
  public private(set) var currentRate = 0.0
  /// The schedule's factor of the next step, and what the schedule remembers.
  private var rateFactor = 1.0
  var scheduleState: [Double] = []
  private let hasSchedule: Bool
  /// The fit that runs or was interrupted, or what a file says of one.
  var fitState: FitState?
  var loadedFit: FitMemory?
  /// The batches whose gradients wait for the next step of the optimizer.
  var accumulated = 0
  let metricSources: [MetricSource]
  /// The number of rows that memory is laid out for. A larger batch makes it grow.
  public internal(set) var maximumRows: Int
  /// The number of training forwards so far that were not undone, by which random numbers are keyed.
  var forwardCount: UInt64 = 0
  /// Whether `gradients` holds values to which further gradients are added.
  var hasGradients = false
  let hasOptimizer: Bool
  /// Whether the optimizer evaluates the loss itself, and what it remembers from step to step.
  private let searches: Bool
  /// Whether weights are averaged, and gradients computed at their neighbours.
  private let averages: Bool, sharpens: Bool
  var searchNumbers: [Double] = []
  /// Whether gradients of inputs or inner values have to be bound.
  private let wantsInputGradients: Bool
  let gradientValues: [ValueID]
  /// What computed the gradients last, if gradients of inner values are wanted, and the rows of its batch.
  var gradientExecutor: (executor: Executor, rows: Int)?
  let optimization: Optimization?
  /// The optimizer's sweeps, and whether gradients are limited before them.
  private let sweeps: UnsafeMutableBufferPointer<Sweep>
  private let limitsGradients: Bool
  let run: UnsafeMutablePointer<Run>
  private let runMemory: Buffer

  /// The arena that the executors share, and the one of those whose forward waits for its backward; nil until
  /// there is such an executor.
  private var arena: Buffer?
  private var waitingArena: Buffer?
  private var lossExecutors = ExecutorCache()
  private var evaluationExecutors = ExecutorCache()
  var openExecutors = ExecutorCache()
  var inferExecutors = ExecutorCache()
  /// An error on its way out of `with`.
  var failure: DenpaError?
  /// The executor of the forward that waits for its backward.
  var openExecutor: Executor?
  /// The forward that waits for its backward: its rows, and its number.
  var openForward: (rows: Int, draw: UInt64)?

  public init(_ model: Model, _ options: TrainerOptions) throws(DenpaError) {
    guard (1...Int(Int32.max)).contains(options.maximumRows) else {
      throw DenpaError(.badArgument, "max_batch is 1 to 2147483647, got \(options.maximumRows)")
    }
    self.model = model
    self.options = options
    inputCount = model.graph.inputs.count
    lossTensors = LossTensors(options.losses)
    var parameters = model.parameters
    if let settings = options.optimizer {
      for (index, group) in try settings.groups(of: parameters).enumerated() {
        if let group, settings.groups[group].isFrozen { parameters[index].trainable = false }
      }
    }
    self.parameters = parameters
    maximumRows = options.maximumRows
    weights = try model.snapshot()
    gradients = try model.layout.makeBuffer(zeroed: true, "gradients")
    states = try LayerStates(parameters, model.layout)
    hasOptimizer = options.optimizer != nil
    wantsInputGradients = options.inputGradients || !options.gradientValues.isEmpty
    gradientValues = try Trainer.values(options.gradientValues, of: model)
    var optimization: Optimization?
    if let settings = options.optimizer {
      let made = try Optimization(
        settings, model, parameters, weights: weights, gradients: gradients, threads: options.threads)
      if let searching = made.searching {
        try Trainer.checkSearch(searching, options, model, made.vector)
        searchNumbers = searching.initialNumbers
      }
      optimization = made
    }
    self.optimization = optimization
    searches = optimization?.searching != nil
    (averages, sharpens) = (optimization?.average != nil, optimization?.sharpness != nil)
    sweeps = optimization?.sweeps ?? UnsafeMutableBufferPointer(start: nil, count: 0)
    limitsGradients = optimization?.limitsGradients ?? false
    learningRate = options.optimizer?.optimizer.learningRate ?? 0
    hasSchedule = options.schedule != nil
    metricSources = try Trainer.sources(options, model, lossTensors)
    runMemory = try Buffer(byteCount: MemoryLayout<Run>.stride, zeroed: true, "a trainer")
    run = runMemory.base.bindMemory(to: Run.self, capacity: 1)
    run.initialize(
      to: Run(
        parallel: options.threads > 1 ? ThreadPool.parallel : Run.inline, threads: options.threads,
        training: 1,
        seed: model.seed))
    scheduleState = options.schedule?.schedule.initialState ?? []
    try checkMemory("a trainer")
    try checkLosses()
    updateRate()
    if !model.isOpen, model.graph.nodes.contains(where: { $0.spec?.differentiable == false }) {
      // If a gradient has to pass through a layer without a backward, compiling a plan throws an error that
      // names it.
      _ = try Plan(model, request(.train, targets: nil, BatchSizes(rows: maximumRows)))
    }
  }

  /// Refuses losses that do not fit the outputs when the trainer is made, not at the first batch.
  private func checkLosses() throws(DenpaError) {
    for (index, term) in options.losses.enumerated() {
      guard model.outputs.indices.contains(term.output) else {
        throw DenpaError(
          .badArgument, "loss \(index) is on output \(term.output); the model has \(model.outputs.count)")
      }
      guard term.weight.isFinite else {
        throw DenpaError(.badArgument, "loss \(index): the weight is not finite")
      }
      let name: Message = "\(term.definition.spec.kind)"
      _ = try Attributes(checking: term.attributes, against: term.definition.spec.attributes, owner: name)
      if term.isWeighted {
        let reduction = term.definition.spec.attributes.first { $0.name == "reduction" }
        guard reduction?.choices.contains("none") ?? false else {
          throw DenpaError(
            .badArgument, "loss \(name): it has no reduction \"none\", so its samples have no weights")
        }
      }
      try LossMistakes.check(term, of: model)
    }
  }

  // MARK: Plans

  /// `targets`: nil for a plan without losses.
  func request(_ mode: PlanMode, targets: [TensorType]?, _ sizes: BatchSizes) -> PlanRequest {
    var request = PlanRequest(mode, maximumRows: sizes.rows, threads: options.threads)
    request.extents = sizes.extents
    request.losses = targets == nil ? [] : options.losses
    request.targets = targets ?? []
    request.inputGradients = options.inputGradients && mode != .infer
    request.gradientValues = mode == .infer ? [] : gradientValues
    // The model's trainable flags may have changed since the optimizer's sweeps were made.
    request.trainable = parameters.map(\.isTrained)
    return request
  }

  /// Compiles a plan with room for a batch of these sizes. If the batch is larger than any before, there is
  /// room for an eighth more, so that batches that grow little by little do not compile a plan each.
  ///
  /// All executors share one arena, except those whose forward waits for its backward, which share another.
  func makeExecutor(
    _ mode: PlanMode, targets: [TensorType]?, _ sizes: BatchSizes, waits: Bool = false
  ) throws(DenpaError) -> Executor {
    let room = model.room(for: sizes, known: maximumRows)
    let wanted = BatchSizes(rows: room, extents: sizes.extents)
    let plan = try Plan(model, request(mode, targets: targets, wanted))
    let executor = try Executor(
      plan, model: model, gradients: mode == .infer ? nil : gradients, sharing: waits ? waitingArena : arena)
    if waits {
      if executor.arenaBytes > waitingArena?.byteCount ?? 0 { waitingArena = executor.arena }
    } else if executor.arenaBytes > arena?.byteCount ?? 0 {
      arena = executor.arena
    }
    maximumRows = max(maximumRows, plan.maximumRows)
    return executor
  }

  private func fits(_ executor: Executor, _ targets: UnsafeBufferPointer<TensorView>, isSample: Bool) -> Bool
  {
    let first = model.graph.inputs.count
    guard executor.plan.targetCount == targets.count else { return false }
    for index in 0..<targets.count {
      let slot = executor.plan.slots[first + index].type
      let given = targets[index].type
      let isRows = !isClassNumbers(index, targets[index], executor.plan.graph, isSample: isSample)
      guard isRows ? slot.dtype.isFloat : slot.dtype == given.dtype else { return false }
      let skip = isSample ? 0 : 1
      guard given.shape.rank + 1 - skip == slot.shape.rank, given.shape.matches(slot.shape, skip: skip) else {
        return false
      }
    }
    return true
  }

  /// Returns the executor whose plan fits a batch of these sizes and such targets, compiling a plan if there
  /// is none.
  func executor(
    training: Bool, _ sizes: BatchSizes, _ inputs: UnsafeBufferPointer<TensorView>,
    _ targets: UnsafeBufferPointer<TensorView>
  ) throws(DenpaError) -> Executor {
    guard !options.losses.isEmpty else {
      throw DenpaError(
        .badState, "the trainer has no loss: give one when it is made, or use forward and backward")
    }
    let isSample = isSample(inputs)
    func fits(_ known: Executor) -> Bool {
      known.plan.hasRoom(for: sizes) && self.fits(known, targets, isSample: isSample)
    }
    if let known = training ? lossExecutors.find(fits) : evaluationExecutors.find(fits) { return known }
    let types = try targetTypes(targets, sizes, isSample: isSample)
    let executor = try makeExecutor(training ? .train : .infer, targets: types, sizes)
    if training { lossExecutors.insert(executor) } else { evaluationExecutors.insert(executor) }
    return executor
  }

  // MARK: Closed loop

  /// Runs forward, loss, backward and the optimizer. Returns the loss before the step.
  public func trainBatch(_ inputs: TensorList, _ targets: TensorList) throws(DenpaError) -> Double {
    guard hasOptimizer else {
      throw DenpaError(.badState, "the trainer has no optimizer: give one when it is made")
    }
    let batch = try bindBatch(inputs, targets, training: true)
    return try withExecutor(of: batch) { executor throws(DenpaError) in try learn(executor, batch.rows) }
  }

  /// Checks a batch and binds it to the plan for such targets.
  public func bindBatch(
    _ inputs: TensorList, _ targets: TensorList, training: Bool
  ) throws(DenpaError) -> Batch {
    if let known = training
      ? lossExecutors.rebind(inputs, targets) : evaluationExecutors.rebind(inputs, targets)
    {
      return known
    }
    return try bindAnew(inputs, targets, training: training)
  }

  @inline(never)
  private func bindAnew(
    _ inputs: TensorList, _ targets: TensorList, training: Bool
  ) throws(DenpaError) -> Batch {
    let sizes = try model.sizes(of: inputs.views)
    let executor = try executor(training: training, sizes, inputs.views, targets.views)
    try executor.check(inputs, targets: targets, rows: sizes.rows)
    try executor.bind(inputs, targets, rows: sizes.rows)
    return Batch(executor, rows: sizes.rows)
  }

  /// Takes a step with the bound batch, entirely or not at all. Returns the loss before the step.
  func learn(_ executor: Executor, _ rows: Int) throws(DenpaError) -> Double {
    guard rows > 0 else { return 0 }
    if wantsInputGradients { try bindInputGradients(executor, nil, rows: rows) }
    if searches, let optimization, let searching = optimization.searching {
      return try search(searching, optimization, executor, rows)
    }
    let adds = accumulated > 0
    try transaction(executor) { () throws(DenpaError) in
      try executor.execute(rows: rows, parameters: weights.base, accumulate: adds, draw: forwardCount)
    }
    let loss = executor.loss
    let flagged = executor.takeFlagged()
    guard loss.isFinite, flagged == nil else { throw notFinite(executor, rows, flagged) }
    hasGradients = false
    if !executor.isComplete, !adds { executor.clearUnreachedGradients() }
    if sharpens, let sharpness = optimization?.sharpness { try sharpen(sharpness, executor, rows) }
    forwardCount += 1
    if options.accumulation == 1 { try applyOptimizer() } else { try accumulate() }
    return loss
  }

  /// Computes the rate of the next step.
  func updateRate() {
    if let settings = options.schedule {
      rateFactor = settings.schedule.factor(settings.countsEpochs ? epochCount : stepCount, scheduleState)
    }
    currentRate = learningRate * rateFactor
  }

  /// Tells the schedule that an epoch with this loss has ended.
  func endEpoch(loss: Double) {
    guard let settings = options.schedule else { return }
    settings.schedule.observe(loss, &scheduleState)
    updateRate()
  }

  /// Takes a step of the optimizer, whatever the gradients are.
  @inline(__always)
  func applyOptimizer() throws(DenpaError) {
    stepCount += 1
    // What a forward kept is valid only for the weights that it used.
    openForward = nil
    if limitsGradients { limitGradients() }
    for sweep in sweeps {
      sweep.prepare(sweep.arguments, stepCount, currentRate * sweep.rate)
      guard sweep.step(sweep.arguments, run) == 0 else {
        throw DenpaError(.internalError, "the optimizer's kernel failed")
      }
    }
    if averages { optimization?.average?.add(weights.base, step: stepCount) }
    if hasSchedule { updateRate() }
  }

  @inline(never)
  private func limitGradients() { optimization?.gradients.limit(run) }
}
