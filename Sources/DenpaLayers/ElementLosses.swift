import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// A loss function with its parameter, if it has one, and its reduction.
struct ElementLoss: Sendable {
  let function: LossFunction
  let alpha: Double
  let reduction: Reduction

  init(_ function: LossFunction, alpha: Double = 0, _ attributes: Attributes) {
    self.function = function
    self.alpha = alpha
    reduction = Losses.reduction(attributes)
  }

  /// What errors call the prediction: y, or x if it is logits.
  var prediction: StaticString { function == .sigmoidCrossEntropy || function == .focal ? "x" : "y" }
}

/// A loss that is a sum over predictions and their targets: element by element, or row by row
/// (`LossFunction.isOfRows`).
protocol ElementLossLayer: BuiltInLayer {
  var loss: ElementLoss { get }
}

extension ElementLossLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try ElementLosses.outputs(inputs, loss)
  }

  public func forward(_ r: Recipe) { forward(r, target: r.input(1)) }
  public func backward(_ r: Recipe) { backward(r, target: r.input(1)) }

  func forward(_ r: Recipe, target: Tensor) {
    r.elementLoss(loss.function, alpha: loss.alpha, r.input(0), target, loss.reduction, into: r.output(0))
  }

  func backward(_ r: Recipe, target: Tensor) {
    r.elementLossGradient(
      loss.function, alpha: loss.alpha, r.input(0), target, loss.reduction, r.dOutput(0), into: r.dInput(0))
  }
}

enum ElementLosses {
  /// The epsilon of logarithms, as in cross_entropy.
  static let epsilon = AttributeSpec(
    "epsilon", .float, default: .float(0), minimum: 0, maximum: 1, "Added inside the log.")

  /// A loss of predictions named `prediction`. Samples draw them from `range`, away from `avoid`, and repeat
  /// `targets`; nil for targets that are drawn too. `rows`: whether they are probability distributions, or
  /// other rows that belong together. `decisions`, `fromLogits`: as in `LayerSpec`.
  static func spec(
    _ kind: String, _ summary: String, _ details: String, prediction: String = "y",
    attributes: [AttributeSpec] = [], samples: [[NamedAttribute]] = [[]], range: ClosedRange<Double> = -2...2,
    avoid: [Double] = [], targets: [Double]?, rows: Bool = false, distributions: [Int] = [],
    decisions: Decisions? = nil, fromLogits: Bool = false
  ) -> LayerSpec {
    func sample(_ given: [NamedAttribute], _ y: Shape, _ t: Shape, _ reduction: Reduction) -> Sample {
      var sample = Sample(
        given + (reduction == .mean ? [] : [NamedAttribute("reduction", .string(reduction.rawValue))]),
        inputs: [TensorType(.float32, y), TensorType(.float32, t)], range: range, avoid: avoid,
        distributions: distributions)
      if let targets {
        sample.values = [nil, (0..<t.count).map { targets[($0 * 5 + $0 / 7) % targets.count] }]
      }
      return sample
    }
    let last = samples.last ?? []
    return LayerSpec(
      kind: kind, role: .loss, summary: summary, details: details, inputs: [prediction, "t"],
      outputs: ["loss"], attributes: attributes + [Losses.reduction], rowsIndependent: false,
      averagesRows: rows, decisions: decisions, fromLogits: fromLogits,
      samples: samples.map { sample($0, [4, 5], [4, 5], .mean) } + [
        sample(last, [3, 2, 3], [3, 2, 3], .batchMean),
        rows ? sample(last, [4, 3], [4, 3], .sum) : sample(last, [4, 1], [4], .sum),
        sample(last, [4, 33], [4, 33], .none),
      ])
  }

  fileprivate static func outputs(
    _ inputs: [TensorType], _ loss: ElementLoss
  ) throws(DenpaError) -> [TensorType] {
    let y = try inputs[0].requireFloat(loss.prediction), t = try inputs[1].requireFloat("t")
    if loss.function.isOfRows {
      guard y.shape.rank >= 2 else {
        throw DenpaError(.badShape, "expected predictions (rows, columns), got \(y.shape)")
      }
      guard y.shape == t.shape else {
        throw DenpaError(.badShape, "expected targets \(y.shape) like the predictions, got \(t.shape)")
      }
    }
    try Losses.checkValues(y, t)
    return Losses.output(y, loss.reduction)
  }
}
