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

  /// d², d, and max(0, margin − d).
  private func distances(_ r: Recipe, _ difference: Tensor) -> (square: Tensor, Tensor, missing: Tensor) {
    let shape = r.shape(r.output(0))
    func all(_ value: Double) -> Tensor { r.spread(r.constant(value), along: [], as: shape) }
    let square = Distances.square(r, difference, "d²")
    let shifted = r.saved("shifted", shape), distance = r.saved("d", shape)
    r.apply(.add, square, all(Contrastive.least), into: shifted)
    r.apply(.squareRoot, shifted, into: distance)
    let rest = r.saved("rest", shape), missing = r.saved("missing", shape)
    r.apply(.subtract, all(margin), distance, into: rest)
    r.apply(.relu, rest, into: missing)
    return (square, distance, missing)
  }

  /// 1 − s.
  private func others(_ r: Recipe) -> Tensor {
    let s = r.input(2), result = r.saved("1 − s", like: s)
    r.apply(.subtract, r.spread(r.constant(1), along: [], as: r.shape(s)), s, into: result)
    return result
  }

  public func forward(_ r: Recipe) {
    let (square, _, missing) = distances(r, Distances.difference(r, 0, 1))
    let together = r.saved("together", like: r.y), apart = r.saved("apart", like: r.y)
    let missed = r.saved("missed", like: r.y)
    r.apply(.multiply, r.input(2), square, into: together)
    r.apply(.square, missing, into: missed)
    r.apply(.multiply, others(r), missed, into: apart)
    r.apply(.add, together, apart, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let difference = Distances.difference(r, 0, 1)
    let (square, distance, missing) = distances(r, difference)
    let push = r.saved("push", like: distance), pushed = r.saved("pushed", like: distance)
    r.apply(.divide, missing, distance, into: push)
    r.apply(.multiply, others(r), push, into: pushed)
    let pull = r.saved("pull", like: distance), slope = r.saved("slope", like: distance)
    r.apply(.subtract, r.input(2), pushed, into: pull)
    r.apply(.multiply, pull, r.dy, into: slope)
    let product = r.saved("product", like: difference)
    r.apply(.multiply, Distances.repeated(r, slope, like: difference), difference, into: product)
    r.copy(product, times: 2, into: r.dInput(0))
    r.copy(product, times: -2, into: r.dInput(1))
    let missed = r.saved("missed", like: distance), change = r.saved("change", like: distance)
    r.apply(.square, missing, into: missed)
    r.apply(.subtract, square, missed, into: change)
    r.apply(.multiply, change, r.dy, into: r.dInput(2))
  }
}
