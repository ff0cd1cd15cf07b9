import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Cosine similarity as a loss: E = 1 − c, c = y·t / (|y|·|t|); dy = (c·y/|y| − t/|t|) / |y|
///
/// Shapes: y (rows, …, columns), t in y's shape; the cosine is that of the last axis. E: one number
/// (`reduction` mean: over rows), or one per row; 0 for the same direction, 2 for the opposite one. A row of
/// zeros has no direction: E = 1 and dy = 0. Rows of any size are safe. Salton, Wong & Yang, 1975.
public struct CosineSimilarity: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "cosine_similarity", "How far rows point from their targets: E = 1 − y·t / (|y|·|t|).",
    "y (rows, …, columns), t like y. mean: over rows. Rows of zeros give 1, and no gradient.",
    targets: nil, rows: true)
  let loss: ElementLoss

  public init(_ attributes: Attributes) { loss = ElementLoss(.cosine, attributes) }
}
