import DenpaCore
import DenpaGraph

/// Concat: the inputs one after the other along one axis; each input's gradient is its part of dy.
///
/// Shapes: inputs (rows, …, nᵢ, …) that are alike but for that axis, y (rows, …, Σ nᵢ, …). Errors: other shapes, dtypes
/// that differ, an axis that does not exist.
public struct Concat: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "concat", summary: "Puts its inputs one after the other along an axis.",
    details: "Inputs (rows, …, nᵢ, …) → y (rows, …, Σ nᵢ, …). All other axes are alike.", variadic: true,
    attributes: [
      Axis.attribute(default: -1, "Along which axis; 0 is the batch, along which nothing is joined.")
    ],
    samples: [
      Sample(inputs: [
        TensorType(.float32, [4, 3]), TensorType(.float32, [4, 5]), TensorType(.float32, [4, 1]),
      ]),
      Sample(
        [NamedAttribute("axis", .int(1))],
        inputs: [TensorType(.float32, [3, 2, 5]), TensorType(.float32, [3, 4, 5])]),
      Sample(inputs: [TensorType(.float32, [3, 2])]),
    ])

  let axis: Int

  public init(_ attributes: Attributes) { axis = attributes.int("axis") }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    var type = inputs[0]
    let axis = try Axis.resolve(axis, rank: type.shape.rank)
    for (index, input) in inputs.enumerated().dropFirst() {
      var like = input.shape
      if like.rank > axis { like[axis] = inputs[0].shape[axis] }
      guard like == inputs[0].shape, input.dtype == type.dtype else {
        throw DenpaError(
          .badShape,
          "expected inputs that differ in axis \(axis) alone, got \(inputs[0].dtype) \(inputs[0].shape) and, as input \(index), \(input.dtype) \(input.shape)"
        )
      }
      let (extent, overflow) = type.shape[axis].addingReportingOverflow(input.shape[axis])
      guard !overflow else { throw DenpaError(.limitExceeded, "axis \(axis) has too many elements") }
      type.shape[axis] = extent
    }
    return [type]
  }

  /// Calls `body` with each input's number and its part of `whole`.
  private func parts(_ r: Recipe, of whole: Tensor, _ body: (Int, Tensor) -> Void) throws(DenpaError) {
    let axis = try Axis.resolve(axis, rank: r.shape(whole).rank)
    var first = 0
    for index in 0..<r.inputCount {
      let count = r.shape(r.input(index))[axis]
      body(index, r.slice(whole, axis: axis, from: first, count: count))
      first += count
    }
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    try parts(r, of: r.y) { index, part in r.copy(r.input(index), into: part) }
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    try parts(r, of: r.dy) { index, part in r.copy(part, into: r.dInput(index)) }
  }
}
