import DenpaCore
import DenpaGraph

/// Embedding: y = row x of W; dW = Σ dy by rows
///
/// Shapes: x (rows, …) of an integer dtype, 0 to count − 1; W (count, units), y (rows, …, units). Errors: an
/// index that W does not have, named with its row. Source: Bengio et al., "A Neural Probabilistic Language
/// Model", 2003.
public struct Embedding: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "embedding", summary: "Looks up a vector for each index: y = W[x].",
    details:
      "x (rows, …), integers from 0 to count - 1 → y (rows, …, units); W (count, units). Bengio et al., 2003.",
    parameters: ["W"],
    attributes: [
      AttributeSpec("count", .int, minimum: 1, maximum: 2_147_483_647, "How many vectors there are."),
      AttributeSpec("units", .int, minimum: 1, maximum: 2_147_483_647, "The elements of a vector."),
      AttributeSpec(
        "initializer", .spec,
        default: .spec(Spec("normal", [NamedAttribute("scale", .float(0.05))])), "How W begins."),
    ],
    samples: [
      Sample(
        [NamedAttribute("count", .int(5)), NamedAttribute("units", .int(3))],
        inputs: [TensorType(.int64, [4])], classes: 5),
      Sample(
        [NamedAttribute("count", .int(3)), NamedAttribute("units", .int(17))],
        inputs: [TensorType(.int32, [3, 2, 2])], classes: 3),
      Sample(
        [NamedAttribute("count", .int(2)), NamedAttribute("units", .int(4))],
        inputs: [TensorType(.uint8, [3, 5])], classes: 2),
    ])

  let count: Int
  let units: Int
  let initializer: Spec

  public init(_ attributes: Attributes) {
    count = attributes.int("count")
    units = attributes.int("units")
    initializer = attributes.spec("initializer")
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let x = inputs[0]
    guard !x.dtype.isFloat else {
      throw DenpaError(.badDType, "expected x of an integer dtype, the indices of vectors, got \(x.dtype)")
    }
    guard x.shape.rank < Shape.maximumRank else {
      throw DenpaError(.limitExceeded, "a tensor has at most \(Shape.maximumRank) axes")
    }
    var shape = x.shape
    shape.append(units)
    return [TensorType(.float32, shape)]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    [ParameterSpec("W", [count, units], initializer: initializer)]
  }

  public func forward(_ r: Recipe) { r.gather(r.x, from: r["W"], into: r.y) }

  public func backward(_ r: Recipe) { r.gatherGradient(r.x, r.dy, into: r.d("W")) }
}
