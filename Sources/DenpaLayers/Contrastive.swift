import DenpaCore
import DenpaGraph

/// Contrastive: y = s·d² + (1 − s)·max(0, margin − d)², d = |a − b|; da = 2(s − (1 − s)·max(0, margin − d) /
/// d)·(a − b)·dy, db = −da, and 0 at d = 0; ds = (d² − max(0, margin − d)²)·dy
///
/// Shapes: a, b (rows, …, columns); s (rows, …), 1 where the two belong together and 0 where they do not → y
/// like s. Its output is what the loss `computed` takes. Errors: other shapes, no axis
/// behind the rows, integers. Source: Hadsell, Chopra & LeCun, 2006.
public struct Contrastive: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "contrastive",
    summary:
      "Pairs that belong together should be near, others at a distance: y = s d^2 + (1-s) max(0, margin-d)^2.",
    details:
      "a, b (rows, …, columns), s (rows, …), 1 for pairs that belong together → y like s. Train it with the loss computed. Hadsell, Chopra & LeCun, \"Dimensionality Reduction by Learning an Invariant Mapping\", 2006.",
    inputs: ["a", "b", "s"],
    attributes: [
      AttributeSpec(
        "margin", .float, default: .float(1), minimum: 0, maximum: 1e30,
        "The distance from which on pairs that do not belong together cost nothing.")
    ],
    samples: [
      Sample(
        inputs: [TensorType(.float32, [4, 5]), TensorType(.float32, [4, 5]), TensorType(.float32, [4])],
        range: 0.1...0.9),
      Sample(
        [NamedAttribute("margin", .float(20))],
        inputs: [
          TensorType(.float32, [3, 2, 17]), TensorType(.float32, [3, 2, 17]), TensorType(.float32, [3, 2]),
        ], range: 0.1...0.9),
    ])

  /// Added to squared distances, so that a distance of 0 can be a divisor.
  private static let least = 1e-24

  let margin: Double

  public init(_ attributes: Attributes) { margin = attributes.float("margin") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let result = try Distances.outputs(Array(inputs[0...1]), ["a", "b"])
    let same = try inputs[2].requireFloat("s")
    guard same.shape == result[0].shape else {
      throw DenpaError(
        .badShape, "s: expected one number for each pair, \(result[0].shape), got \(same.shape)")
    }
    return result
  }

  /// What forward computes and backward reads.
  private struct Values {
    let difference: Tensor
    let square: Tensor
    let distance: Tensor
    /// max(0, margin − d) and its square.
    let missing: Tensor
    let missed: Tensor
    /// 1 − s.
    let others: Tensor

    init(_ r: Recipe) {
      let each = r.output(0)
      difference = Distances.difference(r, 0, 1)
      square = r.saved("d²", like: each)
      distance = r.saved("d", like: each)
      missing = r.saved("missing", like: each)
      missed = r.saved("missing²", like: each)
      others = r.saved("1 − s", like: each)
    }
  }

  public func forward(_ r: Recipe) {
    let values = Values(r), shape = r.shape(r.y)
    func all(_ value: Double) -> Tensor { r.spread(r.constant(value), along: [], as: shape) }
    _ = Distances.subtract(r, 0, 1)
    Distances.square(r, values.difference, "all", into: values.square)
    let shifted = r.saved("shifted", like: r.y), rest = r.saved("rest", like: r.y)
    r.apply(.add, values.square, all(Contrastive.least), into: shifted)
    r.apply(.squareRoot, shifted, into: values.distance)
    r.apply(.subtract, all(margin), values.distance, into: rest)
    r.apply(.relu, rest, into: values.missing)
    r.apply(.square, values.missing, into: values.missed)
    r.apply(.subtract, all(1), r.input(2), into: values.others)
    let together = r.saved("together", like: r.y), apart = r.saved("apart", like: r.y)
    r.apply(.multiply, r.input(2), values.square, into: together)
    r.apply(.multiply, values.others, values.missed, into: apart)
    r.apply(.add, together, apart, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let values = Values(r)
    func new(_ name: String) -> Tensor { r.saved(name, like: r.output(0)) }
    let push = new("push"), pushed = new("pushed"), pull = new("pull"), slope = new("slope")
    r.apply(.divide, values.missing, values.distance, into: push)
    r.apply(.multiply, values.others, push, into: pushed)
    r.apply(.subtract, r.input(2), pushed, into: pull)
    r.apply(.multiply, pull, r.dy, into: slope)
    let product = r.saved("product", like: values.difference)
    r.apply(
      .multiply, Distances.repeated(r, slope, like: values.difference), values.difference, into: product)
    r.copy(product, times: 2, into: r.dInput(0))
    r.copy(product, times: -2, into: r.dInput(1))
    let change = new("change")
    r.apply(.subtract, values.square, values.missed, into: change)
    r.apply(.multiply, change, r.dy, into: r.dInput(2))
  }
}
