import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Dense: y = f(x·W + b)
///
/// Shapes: x (rows, …, in), W (in, units), b (units), y (rows, …, units). Axes between the batch and the last
/// are kept. f is the `activation`. Errors: x without an axis after the batch; units < 1. Source: Rumelhart,
/// Hinton & Williams, "Learning representations by back-propagating errors", 1986.
public struct Dense: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "dense", summary: "Every unit sees every input: y = f(x·W + b).",
    details:
      "x (rows, …, in) → y (rows, …, units); W (in, units), b (units). Rumelhart, Hinton & Williams, 1986.",
    parameters: ["W", "b"],
    attributes: [
      AttributeSpec("units", .int, minimum: 1, maximum: 2_147_483_647, "How many outputs each row has."),
      Activation.attribute("f, applied to x·W + b."),
      AttributeSpec("bias", .bool, default: .bool(true), "Whether b is there."),
      Activation.weightsAttribute, Activation.biasesAttribute,
    ],
    samples: [
      Sample([NamedAttribute("units", .int(3))], inputs: [TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("units", .int(17)), NamedAttribute("activation", .spec(Spec("tanh")))],
        inputs: [TensorType(.float32, [3, 2, 4])]),
      Sample(
        [
          NamedAttribute("units", .int(2)), NamedAttribute("activation", .spec(Spec("sigmoid"))),
          NamedAttribute("bias", .bool(false)),
        ], inputs: [TensorType(.float32, [5, 3])]),
      Sample(
        [NamedAttribute("units", .int(6)), NamedAttribute("activation", .spec(Spec("relu")))],
        inputs: [TensorType(.float32, [4, 7])]),
      Sample(
        [NamedAttribute("units", .int(5)), NamedAttribute("activation", .spec(Spec("gelu")))],
        inputs: [TensorType(.float32, [3, 6])]),
      Sample(
        [
          NamedAttribute("units", .int(4)),
          NamedAttribute("activation", .spec(Spec("elu", [NamedAttribute("alpha", .float(0.5))]))),
        ], inputs: [TensorType(.float32, [3, 6])]),
    ])

  let units: Int
  let activation: ElementwiseFunction
  let hasBias: Bool
  let initializer: Spec
  let biasInitializer: Spec

  public init(_ attributes: Attributes) throws(DenpaError) {
    units = attributes.int("units")
    activation = try Activation.function(attributes.spec("activation"))
    hasBias = attributes.bool("bias")
    initializer = attributes.spec("initializer")
    biasInitializer = attributes.spec("bias_initializer")
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    var type = try inputs[0].requireFloat("x")
    guard type.shape.rank >= 2 else {
      throw DenpaError(
        .badShape, "expected x of shape (rows, in), got \(type.shape): flatten or reshape it first")
    }
    type.shape[type.shape.rank - 1] = units
    return [type]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    let inputs = inputs[0].shape.last ?? 0
    let weights = Activation.weights(
      initializer, before: activation, fanIn: Double(inputs), fanOut: Double(units))
    let biases = Activation.biases(
      biasInitializer, weights: initializer, before: activation, fanIn: Double(inputs))
    let W = ParameterSpec("W", [inputs, units], initializer: weights)
    let b = ParameterSpec("b", [units], initializer: biases)
    return hasBias ? [W, b] : [W]
  }

  public func forward(_ r: Recipe) {
    let u = activation.isIdentity ? r.y : r.saved("u", like: r.y)
    r.product(r.x, r["W"], plus: hasBias ? r["b"] : nil, into: u)
    if !activation.isIdentity { r.apply(activation, u, into: r.y) }
  }

  public func backward(_ r: Recipe) {
    let du = activation.isIdentity ? r.dy : r.saved("du", like: r.y)
    if !activation.isIdentity {
      let point = activation.point(r.saved("u", like: r.y), r.y)
      r.applyDerivative(activation, at: point, r.dy, into: du)
    }
    r.product(du, r["W"].T, into: r.dx)
    r.product(r.x.T, du, into: r.d("W"))
    if hasBias { r.sumRows(du, into: r.d("b")) }
  }
}
