import DenpaCore
import DenpaGraph

/// Constant: y = value
///
/// No inputs; y is one number without a batch, which arithmetic repeats as often as needed: `h / 2` is
/// `divide` with a constant.
public struct Constant: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "constant", summary: "One number, which arithmetic repeats as often as needed.",
    details: "No inputs → y of shape ().", inputs: [],
    attributes: [
      AttributeSpec(
        "value", .float, minimum: -.greatestFiniteMagnitude, maximum: .greatestFiniteMagnitude,
        "The number; finite.")
    ],
    samples: [])

  let value: Double

  public init(_ attributes: Attributes) { value = attributes.float("value") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [TensorType(.float32, [])]
  }

  public func forward(_ r: Recipe) { r.copy(r.constant(value), into: r.y) }

  public func backward(_ r: Recipe) {}
}
