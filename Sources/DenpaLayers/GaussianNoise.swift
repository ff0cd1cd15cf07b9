import DenpaCore
import DenpaGraph

/// GaussianNoise: y = x + stddev·n while training, n of a standard normal distribution; y = x in inference.
/// dx = dy
///
/// Shapes: x any, y like x. Every forward draws its own numbers from the model's seed; they depend on the
/// element's place in the batch, not on threads. Errors: integers, a negative stddev. Source: Sietsma & Dow,
/// "Creating artificial neural networks that generalize", 1991.
public struct GaussianNoise: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "gaussian_noise", summary: "Adds normal noise while training: y = x + stddev*n.",
    details: "x of any shape → y of the same; y = x in inference. Sietsma & Dow, 1991.",
    attributes: [
      AttributeSpec("stddev", .float, minimum: 0, maximum: 1e30, "The standard deviation of the noise.")
    ],
    rowsIndependent: false,
    samples: [
      Sample([NamedAttribute("stddev", .float(0.5))], inputs: [TensorType(.float32, [4, 5])]),
      Sample([NamedAttribute("stddev", .float(2))], inputs: [TensorType(.float32, [3, 2, 33])]),
      Sample([NamedAttribute("stddev", .float(0))], inputs: [TensorType(.float32, [2, 3])]),
    ])

  let deviation: Double

  public init(_ attributes: Attributes) { deviation = attributes.float("stddev") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) {
    r.trains && deviation > 0
      ? r.gaussianNoise(r.x, deviation: deviation, into: r.y) : r.copy(r.x, into: r.y)
  }

  public func backward(_ r: Recipe) { r.copy(r.dy, into: r.dx) }
}
