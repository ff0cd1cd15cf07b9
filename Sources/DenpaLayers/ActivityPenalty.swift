import DenpaCore
import DenpaGraph

/// Activity penalty: y = x; dx = dy; the loss grows by (l1·Σ|x| + l2·Σx²) / rows
///
/// Shapes: x any, y like x. Every loss that a trainer or an evaluation computes contains the penalty, and so
/// do its gradients; prediction is the identity. Olshausen & Field, 1996 (l1: sparse activities).
public struct ActivityPenalty: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "activity_penalty", summary: "The input as it is; the loss grows by (l1·Σ|x| + l2·Σx²) / rows.",
    details:
      "x any shape, y like x. The penalty is part of every loss that is computed, and of its gradients.",
    attributes: [
      AttributeSpec(
        "l1", .float, default: .float(0), minimum: 0, maximum: 1e30, "The factor of absolute values."),
      AttributeSpec("l2", .float, default: .float(0), minimum: 0, maximum: 1e30, "The factor of squares."),
    ],
    samples: [
      Sample([NamedAttribute("l1", .float(0.1))], inputs: [TensorType(.float32, [4, 5])]),
      Sample(
        [NamedAttribute("l2", .float(0.5))], inputs: [TensorType(.float32, [3, 2, 7])], range: -6...6),
    ])

  public let penalties: [Penalty]

  public init(_ attributes: Attributes) throws(DenpaError) {
    let given = [("abs", attributes.float("l1")), ("square", attributes.float("l2"))]
    penalties = given.filter { $0.1 > 0 }.map { Penalty($0.0, weight: $0.1) }
    guard !penalties.isEmpty else { throw DenpaError(.badArgument, "neither l1 nor l2 is above 0") }
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    [try inputs[0].requireFloat("x")]
  }

  public func forward(_ r: Recipe) { r.copy(r.x, into: r.y) }
  public func backward(_ r: Recipe) { r.copy(r.dy, into: r.dx) }
}
