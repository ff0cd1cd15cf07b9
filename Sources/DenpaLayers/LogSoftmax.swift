import DenpaCore
import DenpaGraph

/// LogSoftmax: yᵢ = xᵢ − max x − log Σⱼ e^(xⱼ − max x) along an axis; dx = dy − e^y·Σ dy
///
/// Shapes: x (rows, …), y like x; e^y sums to 1 along `axis`, the last one by default. It neither overflows nor
/// takes the logarithm of a probability that has become 0. Errors: x without an axis after the batch, an axis
/// that does not exist or is the batch. Source: Bridle, 1990.
public struct LogSoftmax: SoftmaxLayer {
  public static let spec = LayerSpec(
    kind: "log_softmax",
    summary: "The logarithms of softmax's probabilities: y = x - log Σ e^x along an axis.",
    details: "x (rows, …) → y of the same shape. Shifted by the maximum. Bridle, 1990.",
    attributes: SoftmaxAxis.attributes, samples: SoftmaxAxis.samples)

  let axis: Int

  public init(_ attributes: Attributes) { axis = attributes.int("axis") }

  public func forward(_ r: Recipe) throws(DenpaError) {
    r.logSoftmax(try lastAxis(r, of: r.x), into: try lastAxis(r, of: r.y))
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    r.logSoftmaxGradient(
      at: try lastAxis(r, of: r.y), try lastAxis(r, of: r.dy), into: try lastAxis(r, of: r.dx))
  }
}
