import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

/// How a trainer's parameters are trained.
public struct OptimizerSettings: Sendable {
  public var kind: String
  public var optimizer: any Optimizer
  /// A parameter belongs to the first group whose pattern matches its name.
  public var groups: [ParameterGroup] = []
  /// The maximum norm of all gradients together; 0: no limit.
  public var clipNorm = 0.0
  /// The maximum magnitude of an element of a gradient; 0: no limit.
  public var clipValue = 0.0
  /// How far from the weights the gradient is computed (sharpness-aware minimization); 0: at the weights.
  public var samRadius = 0.0
  /// How much of the average of the weights is kept at each step, 1 for their mean; 0: no average.
  public var averageDecay = 0.0
  /// The steps after which the average begins.
  public var averageAfter: Int64 = 0

  public init(_ kind: String, _ optimizer: any Optimizer) {
    self.kind = kind
    self.optimizer = optimizer
  }

  /// Returns the group of each parameter; nil for a parameter that belongs to none. Throws if a group matches
  /// no parameter or its learning rate cannot be used.
  func groups(of parameters: [Parameter]) throws(DenpaError) -> [Int?] {
    var fits = Array(repeating: false, count: groups.count)
    var result: [Int?] = []
    for parameter in parameters {
      let found = groups.indices.filter { fnmatch(groups[$0].pattern, parameter.name, 0) == 0 }
      for index in found { fits[index] = true }
      result.append(found.first)
    }
    for (index, group) in groups.enumerated() {
      guard optimizer.learningRate > 0 || group.optimizer.learningRate == 0 else {
        throw DenpaError(
          .badArgument,
          "parameter group \(index): a learning_rate of its own needs one above 0 of the optimizer")
      }
    }
    if let index = fits.firstIndex(of: false) {
      throw DenpaError(
        .notFound,
        "parameter group \(index): no parameter is called \"\(groups[index].pattern)\"; there are \(list: parameters.map(\.name))"
      )
    }
    return result
  }
}

/// A sweep over adjacent parameters of one group.
struct Sweep {
  var step: Step
  var prepare: @convention(c) (UnsafeMutableRawPointer, Int64, Double) -> Void
  var arguments: UnsafeMutableRawPointer
  /// The group's learning rate divided by the optimizer's.
  var rate: Double
}

/// The optimizer of a trainer: what it keeps for each parameter, and the kernel calls of a step.
final class Optimization {
  private let settings: OptimizerSettings
  /// What the optimizer keeps: for each of its tensors, the layout over all parameters, and the memory.
  private let state: [(description: OptimizerState, layout: ParameterLayout, memory: Buffer)]
  /// What a step walks through: plain memory, which the trainer reads without going through this object.
  let sweeps: UnsafeMutableBufferPointer<Sweep>
  let gradients: TrainedGradients
  /// Whether gradients are limited before a step.
  let limitsGradients: Bool
  /// The optimizer, if it takes whole steps itself; there are no sweeps then.
  let searching: (any SearchingOptimizer)?
  let vector: TrainedVector
  let sharpness: Sharpness?
  let average: WeightAverage?
  /// With `searching`: room for the weights before a step.
  let formerWeights: Buffer?
  private var searchBuffer: Buffer?
  /// Hold what `sweeps` points to, and what its sweeps need while they run.
  private let memory: Buffer
  private let scratch: Buffer

  init(
    _ settings: OptimizerSettings, _ model: Model, _ parameters: [Parameter], weights: Buffer,
    gradients: Buffer, threads: Int32
  ) throws(DenpaError) {
    self.settings = settings
    let set = try Kernels.chosen()
    let kernels = model.dtype == .float64 ? set.float64 : set.float32
    var state: [(OptimizerState, ParameterLayout, Buffer)] = []
    // Groups may keep different tensors of their parameters. Each is kept of all of them, under one name.
    let kept = ([settings.optimizer] + settings.groups.map(\.optimizer)).flatMap(\.state)
    for description in kept where !state.contains(where: { $0.0.name == description.name }) {
      let types = parameters.map { TensorType(model.dtype, description.shape($0.type.shape)) }
      let layout = try ParameterLayout(types)
      state.append((description, layout, try layout.makeBuffer(zeroed: true, "the optimizer's memory")))
    }
    vector = TrainedVector(parameters, model.layout, model.dtype)
    sharpness =
      settings.samRadius > 0
      ? try Sharpness(radius: settings.samRadius, vector, parameters, model.layout) : nil
    if settings.averageDecay > 0 {
      let memory = try model.layout.makeBuffer(zeroed: true, "the average of the weights")
      state.append((OptimizerState(Trainer.averageName), model.layout, memory))
      average = try WeightAverage(
        decay: settings.averageDecay, after: settings.averageAfter, vector, model.layout, memory)
    } else {
      average = nil
    }
    self.state = state
    let groups = try settings.groups(of: parameters)
    for (index, parameter) in parameters.enumerated() {
      let optimizer = groups[index].map { settings.groups[$0].optimizer } ?? settings.optimizer
      for own in optimizer.state where own.initial != 0 {
        for (description, layout, memory) in state where description.name == own.name {
          let count = description.shape(parameter.type.shape).count
          model.dtype.fill(memory.base + layout.offsets[index], count, with: own.initial)
        }
      }
    }
    searching = settings.optimizer as? any SearchingOptimizer
    formerWeights =
      searching == nil ? nil : try model.layout.makeBuffer(zeroed: true, "the weights before a step")
    let sweeping = settings.optimizer as? any SweepingOptimizer
    let isElementwise = sweeping?.isElementwise ?? true
    let spans =
      sweeping == nil
      ? [] : Optimization.spans(parameters, groups, model.layout, merging: isElementwise)
    func optimizer(of span: (first: Int, bytes: Range<Int>)) -> (any SweepingOptimizer)? {
      groups[span.first].map { settings.groups[$0].optimizer as? any SweepingOptimizer } ?? sweeping
    }
    let scratchBytes = spans.map { span in
      optimizer(of: span)?.scratchBytes(
        kernels, parameters[span.first].type.shape, model.dtype, threads: threads) ?? 0
    }
    scratch = try Buffer(byteCount: scratchBytes.max() ?? 0, zeroed: true, "an optimizer's memory")
    let argumentBytes = spans.count * OptimizerLimits.argumentBytes
    memory = try Buffer(
      byteCount: argumentBytes + spans.count * MemoryLayout<Sweep>.stride, zeroed: true,
      "the optimizer's arguments")
    sweeps = UnsafeMutableBufferPointer(
      start: (memory.base + argumentBytes).bindMemory(to: Sweep.self, capacity: spans.count),
      count: spans.count)
    for (index, span) in spans.enumerated() {
      guard let optimizer = optimizer(of: span) else { continue }
      let arguments = memory.base + index * OptimizerLimits.argumentBytes
      let isAlone = !isElementwise
      let sweep = optimizer.sweep(
        kernels,
        over: OptimizerSpan(
          dtype: model.dtype,
          count: isAlone ? parameters[span.first].type.shape.count : span.bytes.count / model.dtype.size,
          shape: isAlone ? parameters[span.first].type.shape : nil,
          weights: weights.base + span.bytes.lowerBound,
          gradient: UnsafeRawPointer(gradients.base + span.bytes.lowerBound),
          state: optimizer.state.flatMap { own in
            state.filter { $0.0.name == own.name }.map { _, layout, memory in
              memory.base + layout.offsets[span.first]
            }
          }, scratch: scratch.base),
        arguments: arguments)
      let base = settings.optimizer.learningRate
      let rate = optimizer.learningRate == base ? 1 : optimizer.learningRate / base
      sweeps.initializeElement(
        at: index, to: Sweep(step: sweep.step, prepare: sweep.prepare, arguments: arguments, rate: rate))
    }
    limitsGradients = settings.clipNorm > 0 || settings.clipValue > 0
    self.gradients = try TrainedGradients(settings, kernels, model.dtype, parameters, model.layout, gradients)
  }

  /// The memory of the optimizer's tensor of this number.
  func stateMemory(_ index: Int) -> UnsafeMutableRawPointer { state[index].memory.base }

  /// Memory for a search, allocated when it is first needed.
  func searchMemory(byteCount: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    if let searchBuffer, searchBuffer.byteCount >= byteCount { return searchBuffer.base }
    let made = try Buffer(byteCount: byteCount, zeroed: false, "the equations of a step")
    searchBuffer = made
    return made.base
  }

  /// Returns the spans of trained parameters. With `merging`, adjacent parameters of one group are one span.
  private static func spans(
    _ parameters: [Parameter], _ groups: [Int?], _ layout: ParameterLayout, merging: Bool
  ) -> [(first: Int, bytes: Range<Int>)] {
    var result: [(first: Int, bytes: Range<Int>)] = []
    for (index, parameter) in parameters.enumerated() where parameter.isTrained {
      let start = layout.offsets[index], end = start + layout.extents[index]
      if merging, let last = result.last, last.bytes.upperBound == start, groups[last.first] == groups[index]
      {
        result[result.count - 1].bytes = last.bytes.lowerBound..<end
      } else if end > start {
        result.append((index, start..<end))
      }
    }
    return result
  }

  /// Returns everything that the optimizer keeps, by names such as "optimizer/first/hidden.W".
  func tensors(of parameters: [Parameter]) -> [(name: String, view: TensorView)] {
    state.flatMap { description, layout, memory in
      parameters.indices.map { index in
        let type = TensorType(
          parameters[index].type.dtype, description.shape(parameters[index].type.shape))
        return (
          "optimizer/\(description.name)/\(parameters[index].name)",
          TensorView(memory.base + layout.offsets[index], type)
        )
      }
    }
  }

  /// Returns a view of what the optimizer keeps for a parameter under the given name.
  func view(_ name: String, of index: Int, _ parameter: Parameter) throws(DenpaError) -> TensorView {
    guard let found = state.first(where: { $0.description.name == name }) else {
      let known = state.map(\.description.name)
      throw DenpaError(
        .notFound,
        known.isEmpty
          ? "the optimizer \"\(settings.kind)\" keeps nothing of a parameter"
          : "the optimizer \"\(settings.kind)\" keeps no \"\(name)\" of a parameter; it keeps \(list: known)")
    }
    return TensorView(
      found.memory.base + found.layout.offsets[index],
      TensorType(parameter.type.dtype, found.description.shape(parameter.type.shape)))
  }
}

extension DType {
  /// Sets `count` elements to a number.
  fileprivate func fill(_ memory: UnsafeMutableRawPointer, _ count: Int, with value: Double) {
    if self == .float64 {
      memory.initializeMemory(as: Double.self, repeating: value, count: count)
    } else {
      memory.initializeMemory(as: Float.self, repeating: Float(value), count: count)
    }
  }
}
