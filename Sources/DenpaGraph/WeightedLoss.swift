import DenpaCore
import DenpaKernelTypes

/// What makes one number of the losses of samples and their weights: E = scale·Σ w·l; dl = scale·w.
///
/// It is not in the registry: a plan adds it behind a loss whose samples have weights.
struct WeightedLoss: Layer {
  static let definition = LayerDefinition(
    spec: LayerSpec(
      kind: "weighted", role: .loss, summary: "The losses of samples, times their weights.",
      inputs: ["l", "w"],
      outputs: ["loss"], attributes: [AttributeSpec("sum", .bool, "Not divided by the number of samples.")],
      rowsIndependent: false, samples: [])
  ) { (attributes) throws(DenpaError) in
    WeightedLoss(reduction: attributes.bool("sum") ? .sum : .batchMean)
  }

  let reduction: Reduction

  func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [TensorType(inputs[0].dtype, [])]
  }

  func forward(_ r: Recipe) {
    r.elementLoss(.weighted, alpha: 0, r.input(0), r.input(1), reduction, into: r.output(0))
  }

  func backward(_ r: Recipe) {
    r.elementLossGradient(
      .weighted, alpha: 0, r.input(0), r.input(1), reduction, r.dOutput(0), into: r.dInput(0))
  }
}
