import DenpaCore
import DenpaGraph

/// Triplet: y = max(0, |a − p|² − |a − n|² + margin); where y > 0: da = 2(n − p)·dy, dp = 2(p − a)·dy,
/// dn = 2(a − n)·dy
///
/// Shapes: a (an anchor), p (of the same class), n (of another class) (rows, …, columns) → y (rows, …), with
/// the distances along the last axis. Its output is what the loss `computed` takes. Errors: other shapes than
/// that of a, no axis behind the rows, integers. Source: Schroff, Kalenichenko & Philbin, "FaceNet", 2015.
public struct Triplet: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "triplet",
    summary:
      "How much nearer a negative is to an anchor than a positive: y = max(0, |a-p|^2 - |a-n|^2 + margin).",
    details:
      "a, p, n (rows, …, columns) → y (rows, …). Train it with the loss computed. Schroff, Kalenichenko & Philbin, 2015.",
    inputs: ["a", "p", "n"],
    attributes: [
      AttributeSpec(
        "margin", .float, default: .float(1), minimum: 0, maximum: 1e30,
        "By how much the squared distances should differ.")
    ],
    samples: [
      Sample(inputs: Array(repeating: TensorType(.float32, [4, 5]), count: 3)),
      Sample(
        [NamedAttribute("margin", .float(20))],
        inputs: Array(repeating: TensorType(.float32, [3, 2, 17]), count: 3)),
    ])

  let margin: Double

  public init(_ attributes: Attributes) { margin = attributes.float("margin") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try Distances.outputs(inputs, ["a", "p", "n"])
  }

  public func forward(_ r: Recipe) {
    let near = Distances.subtract(r, 0, 1), far = Distances.subtract(r, 0, 2)
    let rest = r.saved("rest", like: r.y)
    let nearSquare = r.saved("near²", like: r.y), farSquare = r.saved("far²", like: r.y)
    Distances.square(r, near, "near", into: nearSquare)
    Distances.square(r, far, "far", into: farSquare)
    r.apply(.subtract, nearSquare, farSquare, into: rest)
    let shifted = r.saved("shifted", like: r.y)
    r.apply(.add, rest, r.spread(r.constant(margin), along: [], as: r.shape(r.y)), into: shifted)
    r.apply(.relu, shifted, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let near = Distances.difference(r, 0, 1), far = Distances.difference(r, 0, 2)
    let slope = r.saved("slope", like: r.y)
    r.applyDerivative(.relu, at: r.y, r.dy, into: slope)
    let each = Distances.repeated(r, slope, like: near)
    let both = r.saved("both", like: near)
    r.apply(.subtract, near, far, into: both)
    for (input, difference, factor) in [(0, both, 2.0), (1, near, -2.0), (2, far, 2.0)] {
      let product = r.saved("product \(input)", like: near)
      r.apply(.multiply, each, difference, into: product)
      r.copy(product, times: factor, into: r.dInput(input))
    }
  }
}

/// What layers that compare rows by their distances have in common.
enum Distances {
  /// Returns the shape of the distances along the last axis, or why there are none.
  static func outputs(_ inputs: [TensorType], _ names: [StaticString]) throws(DenpaError) -> [TensorType] {
    let first = try inputs[0].requireFloat(names[0])
    guard first.shape.rank > 1 else {
      throw DenpaError(
        .badShape, "\(names[0]) needs an axis behind the rows, along which distances are; got \(first.shape)")
    }
    for index in inputs.indices.dropFirst() {
      let other = try inputs[index].requireFloat(names[index])
      guard other.shape == first.shape else {
        throw DenpaError(
          .badShape, "\(names[index]): expected the shape of \(names[0]), \(first.shape), got \(other.shape)")
      }
    }
    return [TensorType(first.dtype, first.shape.withoutLast)]
  }

  /// The difference of two inputs, which forward computes with `subtract`.
  static func difference(_ r: Recipe, _ a: Int, _ b: Int) -> Tensor {
    r.saved("\(a) − \(b)", like: r.input(a))
  }

  static func subtract(_ r: Recipe, _ a: Int, _ b: Int) -> Tensor {
    let result = difference(r, a, b)
    r.apply(.subtract, r.input(a), r.input(b), into: result)
    return result
  }

  /// The squares of differences, summed along the last axis.
  static func square(_ r: Recipe, _ difference: Tensor, _ name: String, into result: Tensor) {
    let squares = r.saved("squares: \(name)", like: difference)
    r.apply(.square, difference, into: squares)
    r.sum(squares, over: [r.shape(difference).rank - 1], into: result)
  }

  /// A value for each row, repeated along the last axis of `whole`.
  static func repeated(_ r: Recipe, _ values: Tensor, like whole: Tensor) -> Tensor {
    let shape = r.shape(whole)
    return r.spread(values, along: Array(0..<(shape.rank - 1)), as: shape)
  }
}

extension Shape {
  fileprivate var withoutLast: Shape {
    var result = Shape()
    for axis in 0..<(rank - 1) { result.append(self[axis]) }
    return result
  }
}
