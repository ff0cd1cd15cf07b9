import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// PReLU: y = x for x > 0, else alpha·x, with one trained alpha for each index of the last axis;
/// dx = dy for x > 0, else alpha·dy; dalpha = Σ dy·min(x, 0)
///
/// Shapes: x (rows, …, n), alpha (n), y like x. The derivative at 0 is alpha. Errors: x without an axis after the
/// batch. Source: He, Zhang, Ren & Sun, "Delving Deep into Rectifiers", 2015.
public struct PReLU: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "prelu", summary: "A leaky relu that learns its slope: y = x for x > 0, else alpha·x.",
    details: "x (rows, …, n) → y of the same shape; alpha (n). He, Zhang, Ren & Sun, 2015.",
    parameters: ["alpha"],
    attributes: [
      AttributeSpec(
        "initializer", .spec, default: .spec(Spec("constant", [NamedAttribute("value", .float(0.25))])),
        "How alpha begins.")
    ],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])], avoid: [0]),
      Sample(inputs: [TensorType(.float32, [2, 3, 17])], range: -6...6, avoid: [0]),
    ])

  let initializer: Spec

  public init(_ attributes: Attributes) { initializer = attributes.spec("initializer") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let type = try inputs[0].requireFloat("x")
    guard type.shape.rank >= 2 else {
      throw DenpaError(.badShape, "expected x of shape (rows, …, n), got \(type.shape)")
    }
    return [type]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    [ParameterSpec("alpha", [inputs[0].shape.last ?? 0], initializer: initializer)]
  }

  private func alpha(_ r: Recipe) -> Tensor {
    r.spread(r["alpha"], along: [r.shape(r.x).rank - 1], as: r.shape(r.x))
  }

  public func forward(_ r: Recipe) {
    let above = r.saved("above", like: r.x), below = r.saved("below", like: r.x)
    let scaled = r.saved("scaled", like: r.x)
    r.apply(.relu, r.x, into: above)
    r.apply(.minimum, r.x, r.spread(r.constant(0), along: [], as: r.shape(r.x)), into: below)
    r.apply(.multiply, below, alpha(r), into: scaled)
    r.apply(.add, above, scaled, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let above = r.saved("above", like: r.x), products = r.saved("dy·below", like: r.x)
    let scaled = r.saved("alpha·dy", like: r.x), rest = r.saved("dy - alpha·dy", like: r.x)
    let part = r.saved("rest above", like: r.x)
    r.apply(.multiply, r.dy, r.saved("below", like: r.x), into: products)
    r.sum(products, over: Array(0..<r.shape(r.x).rank - 1), into: r.d("alpha"))
    r.apply(.multiply, r.dy, alpha(r), into: scaled)
    r.apply(.subtract, r.dy, scaled, into: rest)
    r.applyDerivative(.relu, at: above, rest, into: part)
    r.apply(.add, scaled, part, into: r.dx)
  }
}
