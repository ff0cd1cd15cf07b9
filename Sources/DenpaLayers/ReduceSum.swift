import DenpaCore
import DenpaGraph

/// ReduceSum: y = Σ x over axes; dx = dy, repeated
///
/// Shapes: x (rows, …), y without the axes, or with an extent of 1 in their place if `keepdims` is set.
/// Errors: axes that do not exist or are given twice, the batch, an axis without elements, integers.
public struct ReduceSum: ReductionLayer {
  public static let spec = LayerSpec(
    kind: "reduce_sum", summary: "The sum over axes.", details: Reductions.details,
    attributes: Reductions.attributes,
    samples: Reductions.samples())

  let attributes: Attributes

  public init(_ attributes: Attributes) { self.attributes = attributes }

  public func forward(_ r: Recipe) throws(DenpaError) { r.sum(r.x, over: try axes(r), into: r.y) }

  public func backward(_ r: Recipe) throws(DenpaError) {
    r.copy(r.spread(r.dy, over: try axes(r), like: r.x), into: r.dx)
  }
}
