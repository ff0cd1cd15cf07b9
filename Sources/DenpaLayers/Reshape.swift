import DenpaCore
import DenpaGraph

/// Reshape: y has x's elements in their order under another shape; dx is dy in x's shape.
///
/// Shapes: x (rows, a, b, …), y (rows, `shape`…); one extent of `shape` may be −1, which is computed from the
/// others. Errors: a shape with another number of elements. Costs nothing: both are the same memory.
public struct Reshape: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "reshape", summary: "Gives each sample another shape; its elements stay in their order.",
    details: "x (rows, a, b, …) → y (rows, shape…). One extent may be −1: what is left.",
    attributes: [
      AttributeSpec(
        "shape", .ints, minimum: -1, maximum: 2_147_483_647, "A sample's new shape, without the batch.")
    ],
    samples: [
      Sample([NamedAttribute("shape", .ints([3, 4]))], inputs: [TensorType(.float32, [4, 12])]),
      Sample([NamedAttribute("shape", .ints([-1, 2]))], inputs: [TensorType(.float32, [3, 2, 5])]),
    ])

  let shape: [Int]

  public init(_ attributes: Attributes) throws(DenpaError) {
    shape = attributes.ints("shape")
    guard shape.count < Shape.maximumRank, shape.filter({ $0 < 0 }).count <= 1 else {
      throw DenpaError(
        .badArgument,
        "shape has at most \(Shape.maximumRank - 1) extents, of which one may be −1, got \(list: shape.map { "\($0)" })"
      )
    }
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let given = inputs[0].shape
    guard given.rank >= 1 else { throw DenpaError(.badShape, "expected x with a batch axis, got \(given)") }
    let count = given.sample.count
    var sample = Shape()
    for extent in shape { sample.append(max(extent, 1)) }
    let known = try sample.checkedCount()
    for (axis, extent) in shape.enumerated() {
      guard extent < 0 else {
        sample[axis] = extent
        continue
      }
      sample[axis] = known > 0 ? count / known : 0
    }
    guard sample.count == count else {
      throw DenpaError(
        .badShape,
        "expected a shape of \(count) elements, as x \(given) has in each row, got \(list: shape.map { "\($0)" })"
      )
    }
    var result = Shape.batched(sample)
    result[0] = given[0]
    return [TensorType(inputs[0].dtype, result)]
  }

  public func forward(_ r: Recipe) { r.copy(r.x, into: r.y) }

  public func backward(_ r: Recipe) { r.copy(r.dy, into: r.dx) }
}
