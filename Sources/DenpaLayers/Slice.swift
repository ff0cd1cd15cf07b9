import DenpaCore
import DenpaGraph

/// Slice: y is the part of x from `start` to `stop` along one axis; dx is dy there, and 0 elsewhere.
///
/// Shapes: x (rows, …, n, …), y (rows, …, stop − start, …). `start` and `stop` count from the end if they are negative;
/// `stop` is exclusive. Errors: an axis that does not exist; a part that is empty or reaches beyond x. Costs nothing: y is
/// a view of x, copied for readers that need memory without gaps.
public struct Slice: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "slice", summary: "The part of x from start to stop along an axis.",
    details: "x (rows, …, n, …) → y (rows, …, stop − start, …). Negative numbers count from the end.",
    attributes: [
      Axis.attribute(default: -1, "Along which axis; 0 is the batch, which cannot be sliced."),
      AttributeSpec(
        "start", .int, default: .int(0), minimum: -end, maximum: end, "The first index."),
      AttributeSpec(
        "stop", .int, default: .int(Int(end)), minimum: -end, maximum: end,
        "The index behind the last one; 2147483647 is the end."),
    ],
    samples: [
      Sample(
        [NamedAttribute("start", .int(1)), NamedAttribute("stop", .int(4))],
        inputs: [TensorType(.float32, [4, 6])]),
      Sample(
        [NamedAttribute("axis", .int(1)), NamedAttribute("start", .int(-2))],
        inputs: [TensorType(.float32, [3, 4, 5])]),
      Sample(
        [NamedAttribute("axis", .int(-2)), NamedAttribute("stop", .int(-1))],
        inputs: [TensorType(.float32, [2, 3, 4, 2])]),
    ])

  private static let end = 2_147_483_647.0

  let axis: Int
  let start: Int
  let stop: Int

  public init(_ attributes: Attributes) {
    axis = attributes.int("axis")
    start = attributes.int("start")
    stop = attributes.int("stop")
  }

  /// Axis and range in a tensor of that shape.
  private func range(_ shape: Shape) throws(DenpaError) -> (axis: Int, range: Range<Int>) {
    let axis = try Axis.resolve(axis, rank: shape.rank)
    let extent = shape[axis]
    let first = start < 0 ? start + extent : start
    let last = stop == Int(Slice.end) ? extent : stop < 0 ? stop + extent : stop
    guard first >= 0, first < last, last <= extent else {
      throw DenpaError(
        .badArgument,
        "indices \(start) to \(stop) are no part of axis \(axis), which has \(extent): give 0 <= start < stop"
      )
    }
    return (axis, first..<last)
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    var type = inputs[0]
    let (axis, range) = try range(type.shape)
    type.shape[axis] = range.count
    return [type]
  }

  private func part(_ r: Recipe, of x: Tensor) throws(DenpaError) -> Tensor {
    let (axis, range) = try range(r.shape(x))
    return r.slice(x, axis: axis, from: range.lowerBound, count: range.count)
  }

  public func forward(_ r: Recipe) throws(DenpaError) { r.copy(try part(r, of: r.x), into: r.y) }

  public func backward(_ r: Recipe) throws(DenpaError) { r.copy(r.dy, into: try part(r, of: r.dx)) }
}
