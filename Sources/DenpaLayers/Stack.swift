import DenpaCore
import DenpaGraph

/// Stack: the inputs side by side along a new axis; each input's gradient is its part of dy.
///
/// Shapes: n inputs (rows, a, b, …), all alike; y (rows, n, a, b, …) with the new axis where `axis` says. Errors: shapes or
/// dtypes that differ, more than 8 axes.
public struct Stack: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "stack", summary: "Puts its inputs side by side along a new axis.",
    details: "n inputs (rows, a, b, …), all alike → y (rows, n, a, b, …), the new axis where axis says.",
    variadic: true,
    attributes: [Axis.attribute(default: 1, "Which axis of y is the new one; 0 is the batch.")],
    samples: [
      Sample(inputs: [
        TensorType(.float32, [4, 3]), TensorType(.float32, [4, 3]), TensorType(.float32, [4, 3]),
      ]),
      Sample(
        [NamedAttribute("axis", .int(-1))],
        inputs: [TensorType(.float32, [3, 2, 5]), TensorType(.float32, [3, 2, 5])]),
      Sample(inputs: [TensorType(.float32, [3]), TensorType(.float32, [3])]),
    ])

  let axis: Int

  public init(_ attributes: Attributes) { axis = attributes.int("axis") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let type = inputs[0]
    guard type.shape.rank < Shape.maximumRank else {
      throw DenpaError(
        .limitExceeded, "a tensor has at most \(Shape.maximumRank) axes, and \(type.shape) has them")
    }
    let axis = try Axis.resolve(axis, rank: type.shape.rank + 1)
    for (index, input) in inputs.enumerated() where input != type {
      throw DenpaError(
        .badShape,
        "expected inputs that are alike, got \(type.dtype) \(type.shape) and, as input \(index), \(input.dtype) \(input.shape)"
      )
    }
    var shape = Shape()
    for old in 0..<type.shape.rank {
      if old == axis { shape.append(inputs.count) }
      shape.append(type.shape[old])
    }
    if axis == type.shape.rank { shape.append(inputs.count) }
    return [TensorType(type.dtype, shape)]
  }

  private func part(_ r: Recipe, _ index: Int, of whole: Tensor) throws(DenpaError) -> Tensor {
    r.slice(whole, axis: try Axis.resolve(axis, rank: r.shape(whole).rank), from: index, count: 1)
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    for index in 0..<r.inputCount { r.copy(r.input(index), into: try part(r, index, of: r.y)) }
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    for index in 0..<r.inputCount { r.copy(try part(r, index, of: r.dy), into: r.dInput(index)) }
  }
}
