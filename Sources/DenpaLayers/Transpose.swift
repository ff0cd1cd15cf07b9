import DenpaCore
import DenpaGraph

/// Transpose: y has x's axes in another order; dx is dy with them back in place.
///
/// Shapes: x (rows, a, b, …), y (rows, …), whose axis i is axis `axes[i − 1]` of x. Without `axes` the axes
/// behind the batch are reversed. Errors: `axes` that do not name each axis behind the batch once.
public struct Transpose: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "transpose", summary: "Reorders the axes behind the batch.",
    details:
      "x (rows, a, b, …) → y (rows, …): axis i of y is axis axes[i − 1] of x. The batch stays in front.",
    attributes: [
      AttributeSpec(
        "axes", .ints, default: .ints([]), minimum: -Axis.largest, maximum: Axis.largest,
        "The axes of x, numbered from 1 as the batch is 0, or from the end, in their new order; none: reversed."
      )
    ],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 2, 3])]),
      Sample([NamedAttribute("axes", .ints([3, 1, 2]))], inputs: [TensorType(.float32, [3, 2, 4, 5])]),
      Sample(inputs: [TensorType(.float32, [3, 5])]),
    ])

  let axes: [Int]

  public init(_ attributes: Attributes) { axes = attributes.ints("axes") }

  /// For each axis of y, that of x.
  private func order(_ shape: Shape) throws(DenpaError) -> [Int] {
    guard shape.rank >= 1 else { throw DenpaError(.badShape, "expected x with a batch axis, got \(shape)") }
    let order =
      axes.isEmpty
      ? Array((1..<max(shape.rank, 1)).reversed()) : axes.map { $0 < 0 ? $0 + shape.rank : $0 }
    guard order.sorted() == Array(1..<max(shape.rank, 1)) else {
      throw DenpaError(
        .badArgument,
        "axes are the numbers 1 to \(shape.rank - 1) in some order, for x \(shape), got \(list: order.map { "\($0)" })"
      )
    }
    return [0] + order
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    var shape = Shape()
    for axis in try order(inputs[0].shape) { shape.append(inputs[0].shape[axis]) }
    return [TensorType(inputs[0].dtype, shape)]
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    r.copy(r.permute(r.x, try order(r.shape(r.x))), into: r.y)
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    let order = try order(r.shape(r.x))
    var back = Array(repeating: 0, count: order.count)
    for (axis, source) in order.enumerated() { back[source] = axis }
    r.copy(r.permute(r.dy, back), into: r.dx)
  }
}
