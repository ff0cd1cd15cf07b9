import DenpaCore
import DenpaGraph

/// ReduceMax: y = max x over axes; dx = dy where x = y, else 0
///
/// Shapes: x (rows, …), y without the axes, or with an extent of 1 in their place if `keepdims` is set.
/// Errors: axes that do not exist or are given twice, the batch, an axis without elements, integers. Equal
/// ones share the gradient evenly. NaN stays NaN.
public struct ReduceMax: ReductionLayer {
  public static let spec = LayerSpec(
    kind: "reduce_max", summary: "The largest element over axes.", details: Reductions.details,
    attributes: Reductions.attributes,
    samples: Reductions.samples())

  let attributes: Attributes

  public init(_ attributes: Attributes) { self.attributes = attributes }

  public func forward(_ r: Recipe) throws(DenpaError) { r.max(r.x, over: try axes(r), into: r.y) }

  public func backward(_ r: Recipe) throws(DenpaError) {
    r.maxGradient(r.x, over: try axes(r), at: r.y, r.dy, into: r.dx)
  }
}
