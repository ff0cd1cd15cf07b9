import DenpaCore
import DenpaGraph

/// Matmul: y = a·b for each pair of matrices in the last two axes; da = dy·bᵀ, db = aᵀ·dy
///
/// Shapes: a (rows, …, m, k), b (rows, …, k, n), y (rows, …, m, n); axes between the batch and the matrices
/// are broadcast as in NumPy. With `transpose_a` a is (rows, …, k, m), with `transpose_b` b is (rows, …, n,
/// k). Errors: fewer than 3 axes, inner extents that differ, axes that cannot be broadcast, integers.
public struct Matmul: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "matmul", summary: "Multiplies matrices, sample by sample: y = a·b in the last two axes.",
    details:
      "a (rows, …, m, k), b (rows, …, k, n) → y (rows, …, m, n). Axes in between are broadcast as in NumPy.",
    inputs: ["a", "b"],
    attributes: [
      AttributeSpec(
        "transpose_a", .bool, default: .bool(false), "Whether the last two axes of a are swapped."),
      AttributeSpec(
        "transpose_b", .bool, default: .bool(false), "Whether the last two axes of b are swapped."),
    ],
    samples: [
      Sample(inputs: [TensorType(.float32, [3, 4, 5]), TensorType(.float32, [3, 5, 2])]),
      Sample(
        [NamedAttribute("transpose_b", .bool(true))],
        inputs: [TensorType(.float32, [2, 3, 4, 5]), TensorType(.float32, [2, 1, 17, 5])]),
      Sample(
        [NamedAttribute("transpose_a", .bool(true))],
        inputs: [TensorType(.float32, [2, 5, 4]), TensorType(.float32, [2, 3, 5, 2])]),
    ])

  let transposeA: Bool
  let transposeB: Bool

  public init(_ attributes: Attributes) {
    transposeA = attributes.bool("transpose_a")
    transposeB = attributes.bool("transpose_b")
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let a = try inputs[0].requireFloat("a"), b = try inputs[1].requireFloat("b")
    let first = a.shape, second = b.shape
    guard first.rank >= 3, second.rank >= 3 else {
      throw DenpaError(
        .badShape, "expected a (rows, …, m, k) and b (rows, …, k, n), got \(first) and \(second)")
    }
    let m = first[first.rank - (transposeA ? 1 : 2)], k = first[first.rank - (transposeA ? 2 : 1)]
    let inner = second[second.rank - (transposeB ? 1 : 2)], n = second[second.rank - (transposeB ? 2 : 1)]
    guard k == inner else {
      throw DenpaError(
        .badShape,
        "expected as many columns of a as rows of b, got \(k) and \(inner): a is \(first), b is \(second)")
    }
    var result = try Broadcast.shape(outer(first), outer(second))
    guard result.rank + 2 <= Shape.maximumRank else {
      throw DenpaError(.limitExceeded, "a tensor has at most \(Shape.maximumRank) axes")
    }
    result.append(m)
    result.append(n)
    return [TensorType(a.dtype, result)]
  }

  /// The axes before the matrices.
  private func outer(_ shape: Shape) -> Shape {
    var result = Shape()
    for axis in 0..<shape.rank - 2 { result.append(shape[axis]) }
    return result
  }

  public func forward(_ r: Recipe) {
    let a = r.input(0), b = r.input(1)
    r.products(transposeA ? a.T : a, transposeB ? b.T : b, into: r.y)
  }

  public func backward(_ r: Recipe) {
    let a = transposeA ? r.input(0).T : r.input(0), b = transposeB ? r.input(1).T : r.input(1)
    write(r, 0) { da in transposeA ? r.products(b, r.dy.T, into: da) : r.products(r.dy, b.T, into: da) }
    write(r, 1) { db in transposeB ? r.products(r.dy.T, a, into: db) : r.products(a.T, r.dy, into: db) }
  }

  /// Calls `body` with the gradient of an operand, or with a tensor as large as all products, which is summed
  /// over the axes along which the operand is repeated.
  private func write(_ r: Recipe, _ operand: Int, _ body: (Tensor) -> Void) {
    let given = r.shape(r.input(operand))
    var whole = outer(r.shape(r.y))
    whole.append(given[given.rank - 2])
    whole.append(given[given.rank - 1])
    guard whole != given else { return body(r.dInput(operand)) }
    let each = r.saved("gradient \(operand)", whole)
    body(each)
    r.sumRepeated(each, ofShape: given, into: r.dInput(operand))
  }
}
