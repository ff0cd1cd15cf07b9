import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// GLU: y = a·f(b), where a and b are the halves of x along the last axis; da = dy·f(b), db = dy·a·f'(b)
///
/// Shapes: x (rows, …, 2n), y (rows, …, n). f is the `activation`: sigmoid is the gated linear unit of Dauphin,
/// Fan, Auli & Grangier, 2016; silu is SwiGLU, gelu GEGLU, relu ReGLU, identity the bilinear unit of Shazeer,
/// "GLU Variants Improve Transformer", 2020. Errors: an odd extent.
public struct GLU: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "glu", summary: "Gates one half of x by the other: y = a*f(b), x = (a, b) along the last axis.",
    details:
      "x (rows, …, 2n) → y (rows, …, n). With silu it is SwiGLU, with gelu GEGLU. Dauphin et al., 2016; Shazeer, 2020.",
    attributes: [Activation.attribute("f, applied to the second half.", default: "sigmoid")],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 6])]),
      Sample(
        [NamedAttribute("activation", .spec(Spec("silu")))], inputs: [TensorType(.float32, [2, 3, 34])]),
      Sample(
        [NamedAttribute("activation", .spec(Spec("identity")))], inputs: [TensorType(.float32, [3, 2])]),
    ])

  let activation: ElementwiseFunction

  public init(_ attributes: Attributes) throws(DenpaError) {
    activation = try Activation.function(attributes.spec("activation"))
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    var type = try inputs[0].requireFloat("x")
    let last = type.shape.rank - 1
    guard last >= 1, type.shape[last] % 2 == 0 else {
      throw DenpaError(.badShape, "expected x of shape (rows, …, 2n), got \(type.shape)")
    }
    type.shape[last] /= 2
    return [type]
  }

  private func half(_ r: Recipe, _ number: Int, of x: Tensor) -> Tensor {
    let axis = r.shape(x).rank - 1, count = r.shape(x)[axis] / 2
    return r.slice(x, axis: axis, from: number * count, count: count)
  }

  public func forward(_ r: Recipe) {
    let gate = r.saved("gate", like: r.y)
    r.apply(activation, half(r, 1, of: r.x), into: gate)
    r.apply(.multiply, half(r, 0, of: r.x), gate, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let gate = r.saved("gate", like: r.y), dgate = r.saved("gradient of the gate", like: r.y)
    r.apply(.multiply, r.dy, gate, into: half(r, 0, of: r.dx))
    r.apply(.multiply, r.dy, half(r, 0, of: r.x), into: dgate)
    r.applyDerivative(
      activation, at: activation.point(half(r, 1, of: r.x), gate), dgate, into: half(r, 1, of: r.dx))
  }
}
