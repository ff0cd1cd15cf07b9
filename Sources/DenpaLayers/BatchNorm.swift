import DenpaCore
import DenpaGraph

/// BatchNorm: y = gamma·x̂ + beta, x̂ = (x − μ)/√(σ² + epsilon) for each index of `axis`, with the mean μ and
/// the variance σ² over all other axes, the batch among them
///
/// While training μ and σ² are those of the batch, and the running ones, which inference uses, follow them:
/// running ← (1 − momentum)·running + momentum·batch, of the variance the unbiased one, n/(n − 1)·σ². Shapes:
/// x (rows, …), y like x; gamma, beta, running_mean and running_var have the extent of the axis. Errors: an
/// axis that does not exist, integers. Source: Ioffe & Szegedy, "Batch Normalization", 2015; momentum is
/// PyTorch's.
public struct BatchNorm: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "batch_norm",
    summary:
      "Standardizes each channel over the batch: y = gamma*(x - mean)/sqrt(variance + epsilon) + beta.",
    details:
      "x (rows, …) → y of the same shape. Inference uses running means of mean and variance. Ioffe & Szegedy, 2015.",
    parameters: ["gamma", "beta", "running_mean", "running_var"],
    attributes: [
      Axis.attribute(default: -1, "The axis of the channels."),
      AttributeSpec(
        "momentum", .float, default: .float(0.1), minimum: 0, maximum: 1,
        "How far the running values follow those of a batch."),
    ] + Affine.attributes,
    rowsIndependent: false,
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("axis", .int(1)), NamedAttribute("momentum", .float(0.5))],
        inputs: [TensorType(.float32, [3, 4, 7])]),
      Sample(
        [NamedAttribute("scale", .bool(false)), NamedAttribute("center", .bool(false))],
        inputs: [TensorType(.float32, [5, 2, 3])]),
    ])

  let axis: Int
  let momentum: Double
  let epsilon: Double
  let hasGamma: Bool
  let hasBeta: Bool

  public init(_ attributes: Attributes) {
    axis = attributes.int("axis")
    momentum = attributes.float("momentum")
    epsilon = attributes.float("epsilon")
    hasGamma = attributes.bool("scale")
    hasBeta = attributes.bool("center")
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let x = try inputs[0].requireFloat("x")
    _ = try Axis.resolve(axis, rank: x.shape.rank)
    return [x]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    let shape = inputs[0].shape
    let channels: Shape = [shape[try Axis.resolve(axis, rank: shape.rank)]]
    return Affine.parameters(channels, hasGamma: hasGamma, hasBeta: hasBeta) + [
      ParameterSpec("running_mean", channels, initializer: Spec("zeros"), role: .state),
      ParameterSpec("running_var", channels, initializer: Spec("ones"), role: .state),
    ]
  }

  private func parts(_ r: Recipe) throws(DenpaError) -> (Standardization, Affine) {
    let rank = r.shape(r.x).rank
    let axis = try Axis.resolve(axis, rank: rank)
    return (
      Standardization(r: r, x: r.x, axes: (0..<rank).filter { $0 != axis }),
      Affine(r: r, axes: [axis], hasGamma: hasGamma, hasBeta: hasBeta)
    )
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    let (standardization, affine) = try parts(r)
    if r.trains {
      standardization.forward(epsilon: epsilon)
      follow(r, "running_mean", standardization.mean) {
        r.copy(standardization.mean, times: momentum, into: $0)
      }
      follow(r, "running_var", standardization.variance) {
        r.copy(standardization.variance, times: momentum, unbiasedFor: r.x, into: $0)
      }
    } else {
      standardization.forward(mean: r["running_mean"], variance: r["running_var"], epsilon: epsilon)
    }
    affine.forward(standardization.standardized)
  }

  /// running ← (1 − momentum)·running + what `share` writes
  private func follow(_ r: Recipe, _ name: String, _ batch: Tensor, _ share: (Tensor) -> Void) {
    let kept = r.saved("kept of \(name)", like: batch), added = r.saved("added to \(name)", like: batch)
    r.copy(r[name], without: momentum, samples: r.x, into: kept)
    share(added)
    r.apply(.add, kept, added, into: r[name])
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    let (standardization, affine) = try parts(r)
    standardization.backward(affine.backward(standardization.standardized), into: r.dx)
  }
}
