import DenpaCore
import DenpaGraph

/// Split: the outputs are the parts of x along one axis, one after the other; dx is their gradients side by
/// side
///
/// Shapes: x (rows, …, n, …), output i (rows, …, sizes[i], …), Σ sizes = n; with `parts` all of them have n /
/// parts. Errors: an axis that does not exist, sizes that do not add up to n. Costs nothing: each output is a
/// view of x, copied for readers that need memory without gaps.
public struct Split: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "split", summary: "The parts of x along an axis, one after the other.",
    details: "x (rows, …, n, …) → outputs (rows, …, sizes[i], …); the sizes add up to n.", outputs: ["y"],
    variadicOutputs: true,
    attributes: [
      Axis.attribute(default: -1, "Along which axis; 0 is the batch, which cannot be split."),
      AttributeSpec(
        "sizes", .ints, default: .ints([]), minimum: 1, maximum: 2_147_483_647, "The extent of each output."),
      AttributeSpec(
        "parts", .int, default: .int(0), minimum: 0, maximum: 64,
        "How many outputs of one extent, if no sizes are given."),
    ],
    samples: [
      Sample([NamedAttribute("sizes", .ints([1, 3, 2]))], inputs: [TensorType(.float32, [4, 6])]),
      Sample(
        [NamedAttribute("parts", .int(2)), NamedAttribute("axis", .int(1))],
        inputs: [TensorType(.float32, [3, 4, 5])]),
      Sample([NamedAttribute("parts", .int(1))], inputs: [TensorType(.float32, [3, 2])]),
    ])

  let axis: Int
  let sizes: [Int]
  let parts: Int

  public init(_ attributes: Attributes) throws(DenpaError) {
    axis = attributes.int("axis")
    sizes = attributes.ints("sizes")
    parts = attributes.int("parts")
    guard (1...64).contains(sizes.count) && parts == 0 || sizes.isEmpty && parts > 0 else {
      throw DenpaError(.badArgument, "expected 1 to 64 sizes or a number of parts, one of them")
    }
  }

  private func extents(_ shape: Shape) throws(DenpaError) -> (axis: Int, sizes: [Int]) {
    let axis = try Axis.resolve(axis, rank: shape.rank)
    let extent = shape[axis]
    guard parts > 0 else {
      guard sizes.reduce(0, +) == extent else {
        throw DenpaError(
          .badShape,
          "the sizes \(list: sizes.map { "\($0)" }) add up to \(sizes.reduce(0, +)), and axis \(axis) of x \(shape) has \(extent)"
        )
      }
      return (axis, sizes)
    }
    guard extent % parts == 0, extent > 0 else {
      throw DenpaError(.badShape, "axis \(axis) of x \(shape) cannot be divided into \(parts) parts")
    }
    return (axis, Array(repeating: extent / parts, count: parts))
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let (axis, sizes) = try extents(inputs[0].shape)
    return sizes.map { size in
      var type = inputs[0]
      type.shape[axis] = size
      return type
    }
  }

  /// Calls `body` with each output's number and its part of `whole`.
  private func each(_ r: Recipe, of whole: Tensor, _ body: (Int, Tensor) -> Void) throws(DenpaError) {
    let (axis, sizes) = try extents(r.shape(whole))
    var first = 0
    for (index, size) in sizes.enumerated() {
      body(index, r.slice(whole, axis: axis, from: first, count: size))
      first += size
    }
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    try each(r, of: r.x) { index, part in r.copy(part, into: r.output(index)) }
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    try each(r, of: r.dx) { index, part in r.copy(r.dOutput(index), into: part) }
  }
}
