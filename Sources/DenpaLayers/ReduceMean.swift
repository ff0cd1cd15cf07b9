import DenpaCore
import DenpaGraph

/// ReduceMean: y = Σ x / n over axes of n elements; dx = dy/n, repeated
///
/// Shapes: x (rows, …), y without the axes, or with an extent of 1 in their place if `keepdims` is set.
/// Errors: axes that do not exist or are given twice, the batch, an axis without elements, integers.
public struct ReduceMean: ReductionLayer {
  public static let spec = LayerSpec(
    kind: "reduce_mean", summary: "The mean over axes.", details: Reductions.details,
    attributes: Reductions.attributes,
    samples: Reductions.samples())

  let attributes: Attributes

  public init(_ attributes: Attributes) { self.attributes = attributes }

  public func forward(_ r: Recipe) throws(DenpaError) { r.mean(r.x, over: try axes(r), into: r.y) }

  public func backward(_ r: Recipe) throws(DenpaError) {
    let axes = try axes(r)
    let count = axes.reduce(1) { $0 * r.shape(r.x)[$1] }
    r.copy(r.spread(r.dy, over: axes, like: r.x), times: 1 / Double(count), into: r.dx)
  }
}
