import CShim
import DenpaCore
import DenpaGraph

/// A metric of a trainer: what is measured, on which output of the model.
public struct MetricTerm: Sendable {
  public var name: String
  public var metric: any Metric
  public var isBetterHigher: Bool
  public var output: Int
  let check: @Sendable (Shape, LayerSpec) throws(DenpaError) -> Void

  public init(_ definition: MetricDefinition, _ given: [NamedAttribute], output: Int) throws(DenpaError) {
    let attributes = try Attributes(
      checking: given, against: definition.attributes, owner: "metric \"\(definition.kind)\"")
    name = definition.kind
    metric = try definition.make(attributes)
    isBetterHigher = definition.isBetterHigher
    self.output = output
    check = definition.check
  }

  /// A metric that the program computes.
  public init(_ name: String, _ metric: any Metric, isBetterHigher: Bool, output: Int) {
    self.name = name
    self.metric = metric
    self.isBetterHigher = isBetterHigher
    self.output = output
    check = { (_, _) throws(DenpaError) in }
  }
}

/// Where the numbers of a metric are: an output of the model, and the target of a loss on it.
struct MetricSource {
  var output: Int
  var target: Int
  var loss: LossTerm
}

extension Trainer {
  /// Finds the targets of all metrics; throws if a metric has none or has no meaning for its output.
  static func sources(
    _ options: TrainerOptions, _ model: Model, _ tensors: LossTensors
  ) throws(DenpaError) -> [MetricSource] {
    var sources: [MetricSource] = []
    for term in options.metrics {
      let target = tensors.all.firstIndex {
        $0.role == .target && options.losses[$0.loss].output == term.output
      }
      guard let target else {
        throw DenpaError(
          .badArgument, "metric \"\(term.name)\": there is no loss with a target on output \(term.output)")
      }
      let loss = options.losses[tensors.all[target].loss]
      let shape = model.graph.values[model.outputs[term.output]].type.shape
      do throws(DenpaError) { try term.check(shape, loss.definition.spec) } catch {
        throw error.inside("metric \"\(term.name)\"")
      }
      sources.append(MetricSource(output: term.output, target: target, loss: loss))
    }
    return sources
  }
}

/// The numbers of an epoch or of an evaluation.
public struct Measures {
  public var loss = 0.0
  /// What each term adds to the loss.
  public var terms: [Double] = []
  /// In the order of `TrainerOptions.metrics`.
  public var metrics: [Double] = []
}

/// The losses and metrics of an epoch, whatever its batches. A loss is the mean over the samples, or the sum
/// for a term whose `reduction` is sum.
struct Meter {
  private var metrics: [any Metric]
  /// Whether each term is a sum.
  private let isSum: [Bool]
  private let measuresTerms: Bool
  private var samples = 0
  private var sums: [Double]
  /// The penalties of layers, where the terms of the loss are measured one by one.
  private var penalties = 0.0

  /// `measures`: whether metrics and the terms of the loss are wanted too.
  init(_ trainer: Trainer, measures: Bool) throws(DenpaError) {
    var isSum: [Bool] = []
    for term in trainer.options.losses {
      let spec = term.definition.spec
      let attributes = try Attributes(
        checking: term.attributes, against: spec.attributes, owner: "\(spec.kind)")
      isSum.append(attributes.string("reduction") == "sum")
    }
    metrics = measures ? trainer.options.metrics.map(\.metric) : []
    measuresTerms = isSum.contains(true) || (measures && isSum.count > 1)
    self.isSum = measuresTerms ? isSum : [false]
    sums = Array(repeating: 0, count: self.isSum.count)
    try checkMemory("metrics")
  }

  mutating func reset() {
    (samples, penalties) = (0, 0)
    for index in sums.indices { sums[index] = 0 }
    for index in metrics.indices { metrics[index].reset() }
  }

  mutating func add(
    _ loss: Double, _ rows: Int, _ executor: Executor, _ trainer: Trainer
  ) throws(DenpaError) {
    guard rows > 0 else { return }
    samples += rows
    if measuresTerms {
      var rest = loss
      for index in isSum.indices {
        let value = executor.loss(ofTerm: index)
        sums[index] += isSum[index] ? value : value * Double(rows)
        rest -= value
      }
      if executor.lossCount > isSum.count { penalties += rest * Double(rows) }
    } else {
      sums[0] += loss * Double(rows)
    }
    if !metrics.isEmpty { try measure(executor, rows, trainer) }
  }

  @inline(never)
  private mutating func measure(
    _ executor: Executor, _ rows: Int, _ trainer: Trainer
  ) throws(DenpaError) {
    let plan = executor.plan
    for (index, source) in trainer.metricSources.enumerated() {
      let output = plan.outputTensors[source.output], slot = trainer.inputCount + source.target
      guard let predictions = executor.values(of: output), let targets = executor.slots[slot] else {
        continue
      }
      try metrics[index].add(
        MetricBatch(
          plan.tensors[output].type.withRows(rows), predictions, plan.slots[slot].type.withRows(rows),
          targets,
          source.loss.definition.spec, ignored: source.loss.ignored))
    }
    try checkMemory("metrics")
  }

  private func value(ofTerm index: Int) -> Double {
    isSum[index] ? sums[index] : samples > 0 ? sums[index] / Double(samples) : 0
  }

  var loss: Double {
    var sum = samples > 0 ? penalties / Double(samples) : 0
    for index in isSum.indices { sum += value(ofTerm: index) }
    return sum
  }

  /// The sums so far, and what the metrics have gathered, each behind its number of numbers.
  var gathered: [Double] {
    var result = [Double(samples), penalties, Double(sums.count)] + sums
    for metric in metrics {
      let own = metric.gathered
      result += [Double(own.count)] + own
    }
    return result
  }

  /// Goes on from what another meter has gathered. Returns whether that measures the same; if not, nothing
  /// changes.
  mutating func resume(_ given: [Double]) -> Bool {
    guard given.count >= 3, given.count(at: 2) == sums.count, given.count >= 3 + sums.count else {
      return false
    }
    var parts: [[Double]] = []
    var first = 3 + sums.count
    for _ in metrics {
      let count = given.count(at: first)
      guard first < given.count, count < given.count - first else { return false }
      parts.append(Array(given[first + 1..<first + 1 + count]))
      first += 1 + count
    }
    guard first == given.count else { return false }
    (samples, penalties) = (given.count(at: 0), given[1])
    for index in sums.indices { sums[index] = given[3 + index] }
    for index in metrics.indices { metrics[index].gathered = parts[index] }
    return true
  }

  /// Allocates memory.
  var measures: Measures {
    Measures(loss: loss, terms: isSum.indices.map(value(ofTerm:)), metrics: metrics.map(\.value))
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
