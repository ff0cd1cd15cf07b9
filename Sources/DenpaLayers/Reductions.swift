import DenpaCore
import DenpaGraph

/// Shared by the layers that reduce axes: their attributes, their shapes.
enum Reductions {
  static let attributes = [
    AttributeSpec(
      "axes", .ints, default: .ints([]), minimum: -Axis.largest, maximum: Axis.largest,
      "Which axes; none: all of them behind the batch. 0 is the batch, which stays."),
    AttributeSpec("keepdims", .bool, default: .bool(false), "Whether they stay, with an extent of 1."),
  ]

  static let details = "x (rows, …) → y without the axes, or with an extent of 1 in their place."

  static func samples(range: ClosedRange<Double> = -2...2) -> [Sample] {
    [
      Sample(inputs: [TensorType(.float32, [4, 5])], range: range),
      Sample(
        [NamedAttribute("axes", .ints([1]))], inputs: [TensorType(.float32, [3, 4, 17])], range: range),
      Sample(
        [NamedAttribute("axes", .ints([-1, 1])), NamedAttribute("keepdims", .bool(true))],
        inputs: [TensorType(.float32, [2, 3, 4, 5])], range: range),
    ]
  }

  /// The axes from the front, in ascending order.
  static func axes(_ attributes: Attributes, of shape: Shape) throws(DenpaError) -> [Int] {
    let given = attributes.ints("axes")
    if given.isEmpty { return Array(1..<max(shape.rank, 1)) }
    var axes: [Int] = []
    for axis in given { axes.append(try Axis.resolve(axis, rank: shape.rank)) }
    guard Set(axes).count == axes.count else {
      throw DenpaError(.badArgument, "axes name an axis twice: \(list: given.map { "\($0)" })")
    }
    return axes.sorted()
  }

  static func output(_ attributes: Attributes, _ x: TensorType) throws(DenpaError) -> [TensorType] {
    let type = try x.requireFloat("x")
    guard type.shape.rank >= 1 else {
      throw DenpaError(.badShape, "expected x with a batch axis, got \(type.shape)")
    }
    let axes = try axes(attributes, of: type.shape)
    for axis in axes where type.shape[axis] == 0 {
      throw DenpaError(.badShape, "axis \(axis) of x \(type.shape) has no elements to reduce")
    }
    return [TensorType(type.dtype, remaining(type.shape, axes, keeping: attributes.bool("keepdims")))]
  }

  /// The shape without the axes.
  static func remaining(_ shape: Shape, _ axes: [Int], keeping: Bool = false) -> Shape {
    var result = Shape()
    for axis in 0..<shape.rank {
      if !axes.contains(axis) { result.append(shape[axis]) } else if keeping { result.append(1) }
    }
    return result
  }
}

/// A layer that reduces axes of its input.
protocol ReductionLayer: BuiltInLayer {
  var attributes: Attributes { get }
}

extension ReductionLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    try Reductions.output(attributes, inputs[0])
  }

  func axes(_ r: Recipe) throws(DenpaError) -> [Int] {
    try Reductions.axes(attributes, of: r.shape(r.x))
  }
}

extension Recipe {
  /// A tensor of a reduction's result, repeated along the axes that were reduced, so that it has x's shape.
  func spread(_ y: Tensor, over axes: [Int], like x: Tensor) -> Tensor {
    let whole = shape(x)
    let kept = shape(y).rank == whole.rank
    return spread(y, along: (0..<whole.rank).filter { kept || !axes.contains($0) }, as: whole)
  }
}
