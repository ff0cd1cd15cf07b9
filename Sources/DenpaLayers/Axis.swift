import DenpaCore
import DenpaGraph

/// Axes given as attributes. Axis 0 is the batch, which stays where it is; a negative number counts from the end.
enum Axis {
  static let largest = Double(Shape.maximumRank)

  static func attribute(default axis: Int, _ summary: String) -> AttributeSpec {
    AttributeSpec("axis", .int, default: .int(axis), minimum: -largest, maximum: largest, summary)
  }

  /// The axis from the front, of a tensor with `rank` axes.
  static func resolve(_ axis: Int, rank: Int) throws(DenpaError) -> Int {
    let resolved = axis < 0 ? axis + rank : axis
    guard resolved >= 1, resolved < rank else {
      let known: Message =
        rank > 1
        ? "the axes behind the batch are 1 to \(rank - 1), or −\(rank - 1) to −1"
        : "there is none behind the batch"
      let wrong: Message = resolved == 0 && rank > 0 ? "is the batch" : "does not exist"
      throw DenpaError(.badArgument, "axis \(axis) \(wrong): \(known)")
    }
    return resolved
  }
}
