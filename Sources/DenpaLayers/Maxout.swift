import DenpaCore
import DenpaGraph

/// Maxout: y = max over j of x·Wⱼ + bⱼ: each unit is the largest of some affine functions, a convex function
/// that is learned
///
/// Shapes: x (rows, …, in), W (in, pieces·units) and b (pieces·units), in which the units of a piece are side by
/// side, y (rows, …, units). Equal pieces share the gradient evenly. Errors: x without an axis after the batch;
/// units or pieces < 1. Source: Goodfellow, Warde-Farley, Mirza, Courville & Bengio, "Maxout Networks", 2013.
public struct Maxout: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "maxout", summary: "Each unit is the largest of some sums over the inputs: y = max (x·W + b).",
    details:
      "x (rows, …, in) → y (rows, …, units); W (in, pieces·units), b (pieces·units), all units of the first piece in front. Goodfellow et al., 2013.",
    parameters: ["W", "b"],
    attributes: [
      AttributeSpec("units", .int, minimum: 1, maximum: 2_147_483_647, "How many outputs each row has."),
      AttributeSpec(
        "pieces", .int, default: .int(2), minimum: 1, maximum: 65_536,
        "Of how many sums each unit is the largest."),
      AttributeSpec("bias", .bool, default: .bool(true), "Whether b is there."),
      AttributeSpec(
        "initializer", .spec, default: .spec(Spec("lecun")),
        "How W begins; LeCun's keeps the mean square of the units for two pieces."),
      AttributeSpec("bias_initializer", .spec, default: .spec(Spec("zeros")), "How b begins."),
    ],
    samples: [
      Sample([NamedAttribute("units", .int(3))], inputs: [TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("units", .int(17)), NamedAttribute("pieces", .int(3))],
        inputs: [TensorType(.float32, [3, 2, 4])]),
      Sample(
        [
          NamedAttribute("units", .int(2)), NamedAttribute("pieces", .int(1)),
          NamedAttribute("bias", .bool(false)),
        ], inputs: [TensorType(.float32, [5, 3])]),
    ])

  let units: Int
  let pieces: Int
  let hasBias: Bool
  let initializer: Spec
  let biasInitializer: Spec

  public init(_ attributes: Attributes) {
    units = attributes.int("units")
    pieces = attributes.int("pieces")
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
    let W = ParameterSpec("W", [inputs[0].shape.last ?? 0, pieces * units], initializer: initializer)
    let b = ParameterSpec("b", [pieces * units], initializer: biasInitializer)
    return hasBias ? [W, b] : [W]
  }

  /// The shape of x·W + b, and as a matrix for each row: pieces × units. The axes between the batch and the
  /// last one are one here, so that there is room for another.
  private func shapes(_ r: Recipe) -> (sums: Shape, pieces: Shape) {
    let y = r.shape(r.y)
    let between = (1..<y.rank - 1).reduce(1) { $0 * y[$1] }
    return ([y[0], between, pieces * units], [y[0], between, pieces, units])
  }

  public func forward(_ r: Recipe) {
    let shapes = shapes(r)
    let u = r.saved("u", shapes.sums), parts = r.saved("pieces of u", shapes.pieces)
    r.product(r.x, r["W"], plus: hasBias ? r["b"] : nil, into: u)
    r.copy(u, into: parts)
    r.max(parts, over: [2], into: r.y)
  }

  public func backward(_ r: Recipe) {
    let shapes = shapes(r)
    let parts = r.saved("pieces of u", shapes.pieces), dparts = r.saved("pieces of du", shapes.pieces)
    let du = r.saved("du", shapes.sums)
    r.maxGradient(parts, over: [2], at: r.y, r.dy, into: dparts)
    r.copy(dparts, into: du)
    r.product(du, r["W"].T, into: r.dx)
    r.product(r.x.T, du, into: r.d("W"))
    if hasBias { r.sumRows(du, into: r.d("b")) }
  }
}
