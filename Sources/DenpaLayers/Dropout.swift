import DenpaCore
import DenpaGraph

/// Dropout: y = x·m while training, m = 0 with a probability of `rate`, otherwise 1/(1 − rate); y = x in
/// inference. dx = dy·m
///
/// Shapes: x any, y like x. Every forward draws its own numbers from the model's seed, and its backward uses
/// the same ones; they depend on the element's place in the batch, not on threads. Errors: integers. Source:
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
public struct Dropout: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "dropout", summary: "Sets elements to 0 at random while training: y = x·m.",
    details:
      "x of any shape → y of the same. m is 0 with a probability of rate, otherwise 1/(1 - rate); y = x in inference. Srivastava et al., 2014.",
    attributes: [
      AttributeSpec(
        "rate", .float, default: .float(0.5), minimum: 0, maximum: 0.999_999,
        "The probability of 0 for each element.")
    ],
    rowsIndependent: false,
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample([NamedAttribute("rate", .float(0.2))], inputs: [TensorType(.float32, [3, 2, 33])]),
    ])

  let rate: Double

  public init(_ attributes: Attributes) { rate = attributes.float("rate") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) {
    r.trains && rate > 0 ? r.dropout(r.x, rate: rate, into: r.y) : r.copy(r.x, into: r.y)
  }

  public func backward(_ r: Recipe) {
    rate > 0 ? r.dropout(r.dy, rate: rate, into: r.dx) : r.copy(r.dy, into: r.dx)
  }
}
