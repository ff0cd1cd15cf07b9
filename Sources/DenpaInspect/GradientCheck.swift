import DenpaCore
import DenpaGraph
import DenpaTraining

/// Options for comparing gradients with numerical differentiation.
public struct GradientCheckOptions: Sendable {
  /// The step h of the 5-point stencil.
  public var step = 1e-3
  /// The tolerance; nil: 1e-8 in float64, 1e-2 if a layer supports only float32.
  public var tolerance: Double?
  /// The number of elements checked in each tensor, evenly spaced; nil: all.
  public var maximumElements: Int? = 256
  /// Whether gradients of float inputs are checked too.
  public var inputs = false

  public init() {}
}

/// One tensor's result.
public struct GradientCheckResult: Sendable {
  public var tensor: String
  /// max |a − n| / max(|a|max, |n|max, 1e-3); a: the gradient of backpropagation, n: the numerical one. Where
  /// the tensor's gradient is below 1e-3 and rounding allows, 1e-3 is left out.
  public var worst = 0.0
  /// The elements at which a kink of the loss was inside the stencil, so that a smaller step decided.
  public var kinks = 0
  public var checked = 0
  /// The row-major index of the element with the largest difference, and its two values.
  public var index = 0
  public var analytic = 0.0
  public var numeric = 0.0
  public var passed = true
}

/// Compares every gradient of backpropagation with (−f(w+2h) + 8f(w+h) − 8f(w−h) + f(w−2h)) / 12h, where f is
/// the loss.
///
/// Runs on a copy of the model, in float64 if every layer and loss supports it, otherwise in float32.
public enum GradientCheck {
  public static func run(
    _ trainer: Trainer, _ inputs: UnsafeBufferPointer<TensorView>, _ targets: UnsafeBufferPointer<TensorView>,
    _ options: GradientCheckOptions, _ report: (GradientCheckResult) throws(DenpaError) -> Void
  ) throws(DenpaError) {
    let single = trainer.model.graph.nodes.contains { $0.spec.map { !$0.dtypes.contains(.float64) } ?? false }
    let lossesSingle = trainer.options.losses.contains { !$0.definition.spec.dtypes.contains(.float64) }
    let dtype: DType = single || lossesSingle ? .float32 : .float64
    let tolerance = options.tolerance ?? (dtype == .float64 ? 1e-8 : 1e-2)
    // float32 cannot resolve the loss at a small step: h ≈ ε^(1/5).
    let step = dtype == .float64 ? options.step : max(options.step, 3e-2)
    guard step > 0, step.isFinite, tolerance >= 0 else {
      throw DenpaError(.badArgument, "a gradient check needs a step above 0 and a tolerance of 0 or more")
    }
    let subject = try Subject(trainer, dtype, inputs, targets, inputGradients: options.inputs)
    var failure: GradientCheckResult?
    /// The last wrong tensor and the first right one behind it, in the order of the graph.
    var last: (node: Int, name: String)?
    var behind: (node: Int, name: String)?
    for tensor in subject.tensors {
      let result = try subject.check(tensor, step: step, tolerance: tolerance, limit: options.maximumElements)
      if !result.passed {
        if result.worst > failure?.worst ?? -1 || failure == nil { failure = result }
        if tensor.node >= last?.node ?? -1 { (last, behind) = ((tensor.node, tensor.name), nil) }
      } else if let wrong = last, tensor.node > wrong.node, behind == nil, result.checked > 0 {
        behind = (tensor.node, tensor.name)
      }
      try report(result)
    }
    guard let failure else { return }
    var place: Message = ""
    if let last, let behind {
      let nodes = trainer.model.graph.nodes
      place =
        "; the gradients from \"\(behind.name)\" on are right, so look at \(nodes[last.node].kind) \"\(nodes[last.node].name)\" and at what is between it and \"\(nodes[behind.node].name)\""
    }
    throw DenpaError(
      .proofFailed,
      "the gradient of \"\(failure.tensor)\" is wrong: element \(failure.index) is \(failure.analytic) by backpropagation and \(failure.numeric) by numerical differentiation (worst \(failure.worst), tolerance \(tolerance))\(place)"
    )
  }
}

/// What is differentiated: an array of numbers in the trainer's copy, and its gradient.
struct Differentiated {
  var name: String
  /// The node that it belongs to.
  var node: Int
  var values: UnsafeMutableRawPointer
  var gradient: UnsafeRawPointer
  var count: Int
}

/// A copy of a trainer with its own batch of data.
private final class Subject {
  let trainer: Trainer
  let dtype: DType
  private var memory: [Buffer] = []
  /// The layers' states before the first forward, restored before each, so that all see the same function.
  private var states: [(live: UnsafeMutableRawPointer, kept: Buffer)] = []
  private var inputViews: [TensorView] = []
  private var targetViews: [TensorView] = []
  private(set) var tensors: [Differentiated] = []

  init(
    _ original: Trainer, _ dtype: DType, _ inputs: UnsafeBufferPointer<TensorView>,
    _ targets: UnsafeBufferPointer<TensorView>, inputGradients: Bool
  ) throws(DenpaError) {
    self.dtype = dtype
    try original.checkData(inputs, targets, training: true, batchSize: original.maximumRows)
    let model = try original.model.copy(dtype: dtype)
    var options = original.options
    options.optimizer = nil
    options.inputGradients = inputGradients
    options.threads = 1
    options.maximumRows = max(inputs.first.map { $0.type.shape.rank > 0 ? $0.type.shape[0] : 1 } ?? 1, 1)
    trainer = try Trainer(model, options)
    trainer.takeParameters(of: original)
    for parameter in trainer.parameters where parameter.spec.role == .state {
      guard let live = try trainer.weightView(parameter.name).data else { continue }
      let kept = try Buffer(byteCount: parameter.type.byteCount, zeroed: false, "a gradient check")
      kept.base.copyMemory(from: live, byteCount: kept.byteCount)
      states.append((live, kept))
    }
    for view in inputs { inputViews.append(try own(view)) }
    for view in targets { targetViews.append(try own(view)) }
    var gradientViews: [TensorView] = []
    for view in inputViews where inputGradients {
      gradientViews.append(view.type.dtype.isFloat ? try own(view) : TensorView(nil, view.type))
    }
    let loss = try inputViews.withUnsafeBufferPointer { inputs throws(DenpaError) in
      try targetViews.withUnsafeBufferPointer { targets throws(DenpaError) in
        try gradientViews.withUnsafeBufferPointer { gradients throws(DenpaError) in
          try trainer.addGradients(
            TensorList(inputs), TensorList(targets), inputGradients: inputGradients ? gradients : nil)
        }
      }
    }
    guard loss.isFinite else {
      throw DenpaError(.notFinite, "the loss is not finite, so there is no gradient to check")
    }
    for parameter in trainer.parameters where parameter.isTrained {
      let values = try trainer.weightView(parameter.name), gradient = try trainer.gradientView(parameter.name)
      guard let valueData = values.data, let gradientData = gradient.data else { continue }
      tensors.append(
        Differentiated(
          name: parameter.name, node: parameter.node, values: valueData,
          gradient: UnsafeRawPointer(gradientData),
          count: values.type.shape.count))
    }
    for (index, gradient) in gradientViews.enumerated() {
      guard let values = inputViews[index].data, let data = gradient.data else { continue }
      let node = model.graph.values[model.graph.inputs[index]].node
      tensors.append(
        Differentiated(
          name: model.graph.nodes[node].name, node: node, values: values, gradient: UnsafeRawPointer(data),
          count: gradient.type.shape.count))
    }
  }

  /// Returns a copy of a tensor in the check's dtype.
  private func own(_ view: TensorView) throws(DenpaError) -> TensorView {
    let type = view.type.dtype.isFloat ? dtype : view.type.dtype
    let buffer = try Buffer(byteCount: view.type.shape.count * type.size, zeroed: true, "a gradient check")
    memory.append(buffer)
    if let data = view.data {
      convert(data, view.type.dtype, to: buffer.base, type, count: view.type.shape.count)
    }
    return TensorView(buffer.base, TensorType(type, view.type.shape))
  }

  private func loss() throws(DenpaError) -> Double {
    for state in states { state.live.copyMemory(from: state.kept.base, byteCount: state.kept.byteCount) }
    return try freshLoss()
  }

  private func freshLoss() throws(DenpaError) -> Double {
    try inputViews.withUnsafeBufferPointer { inputs throws(DenpaError) in
      try targetViews.withUnsafeBufferPointer { targets throws(DenpaError) in
        try trainer.loss(TensorList(inputs), TensorList(targets))
      }
    }
  }

  private func value(_ memory: UnsafeRawPointer, _ index: Int) -> Double {
    dtype == .float64
      ? memory.load(fromByteOffset: index * 8, as: Double.self)
      : Double(memory.load(fromByteOffset: index * 4, as: Float.self))
  }

  private func set(_ memory: UnsafeMutableRawPointer, _ index: Int, _ value: Double) {
    if dtype == .float64 {
      memory.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
    } else {
      memory.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
    }
  }

  /// Returns the 5-point stencil at one element; its error is of order h⁴.
  private func numeric(_ tensor: Differentiated, _ index: Int, _ h: Double) throws(DenpaError) -> Double {
    let original = value(tensor.values, index)
    defer { set(tensor.values, index, original) }
    var sum = 0.0
    for (offset, weight) in [(2.0, -1.0), (1.0, 8.0), (-1.0, -8.0), (-2.0, 1.0)] {
      set(tensor.values, index, original + offset * h)
      sum += weight * (try loss())
    }
    return sum / (12 * h)
  }

  func check(_ tensor: Differentiated, step: Double, tolerance: Double, limit: Int?) throws(DenpaError)
    -> GradientCheckResult
  {
    var result = GradientCheckResult(tensor: tensor.name)
    let count = min(limit ?? tensor.count, tensor.count)
    guard count > 0 else { return result }
    var largest = 0.0
    var differences: [(index: Int, analytic: Double, numeric: Double)] = []
    for position in 0..<count {
      let index =
        count == tensor.count ? position : Int(Double(position) * Double(tensor.count) / Double(count))
      let analytic = value(tensor.gradient, index)
      let numeric = try numeric(tensor, index, step)
      differences.append((index, analytic, numeric))
      largest = max(largest, abs(analytic))
    }
    // A kink inside the stencil spoils the numerical value, not the gradient, so a smaller step, whose
    // stencil most likely excludes the kink, decides. A wrong gradient stays wrong at every step.
    for position in differences.indices where dtype == .float64 {
      let first = differences[position].numeric
      for shrink in [16.0, 256.0, 4096.0] {
        let item = differences[position]
        guard !(abs(item.analytic - item.numeric) <= tolerance * max(largest, Subject.floor)) else { break }
        let finer = try numeric(tensor, item.index, step / shrink)
        if abs(item.analytic - finer) < abs(item.analytic - item.numeric) {
          differences[position].numeric = finer
        }
      }
      let item = differences[position]
      let isRight = abs(item.analytic - item.numeric) <= tolerance * max(largest, Subject.floor)
      if isRight, item.numeric != first { result.kinks += 1 }
    }
    for item in differences { largest = max(largest, abs(item.numeric).isFinite ? abs(item.numeric) : 0) }
    result.checked = count
    var worst = -1.0
    for item in differences {
      let difference = abs(item.analytic - item.numeric)
      // NaN counts as the worst difference.
      if !(difference <= worst) {
        worst = difference.isNaN ? .infinity : difference
        result.index = item.index
        result.analytic = item.analytic
        result.numeric = item.numeric
      }
    }
    result.worst = worst / max(largest, Subject.floor)
    if largest < Subject.floor, worst > tolerance * largest, worst.isFinite, dtype == .float64 {
      if try isCertain(tensor, differences, worst, step) { result.worst = worst / largest }
    }
    result.passed = result.worst <= tolerance
    return result
  }

  /// Below this size, a gradient is compared by its own size only where rounding allows.
  private static let floor = 1e-3

  /// Returns whether a difference is much larger than what numerical differentiation may be wrong by, which is
  /// seen from how much it changes with the step.
  private func isCertain(
    _ tensor: Differentiated, _ differences: [(index: Int, analytic: Double, numeric: Double)],
    _ worst: Double, _ step: Double
  ) throws(DenpaError) -> Bool {
    var doubt = 4 * Double.ulpOfOne * abs(try loss()) / step
    let every = max(differences.count / 16, 1)
    for item in differences
    where item.index % every == 0 || abs(item.analytic - item.numeric) == worst {
      let coarse = try numeric(tensor, item.index, 2 * step)
      let fine = try numeric(tensor, item.index, step), finer = try numeric(tensor, item.index, step / 2)
      doubt = max(doubt, abs(coarse - fine), abs(fine - finer))
    }
    return worst > 16 * doubt
  }
}
