import DenpaCore
import DenpaGraph

/// Shared by the cross-entropies: the attributes that say how targets count.
///
/// Label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016.
enum ClassLosses {
  static let attributes = [
    AttributeSpec(
      "smoothing", .float, default: .float(0), minimum: 0, maximum: 1,
      "The part of each target that is spread evenly over all classes."),
    AttributeSpec(
      "class_weights", .floats, default: .floats([]), minimum: 0, maximum: 1e30,
      "A factor of the loss for each class; none: all are 1. A mean is still over the number of rows."),
    AttributeSpec(
      "ignored", .ints, default: .ints([]),
      "Class numbers whose rows do not count: their loss is 0, and a mean is over the others."),
  ]

  static func targets(_ attributes: Attributes) throws(DenpaError) -> ClassTargets? {
    guard attributes.floats("class_weights").allSatisfy(\.isFinite) else {
      throw DenpaError(.badArgument, "class_weights are not finite")
    }
    return ClassTargets(
      smoothing: attributes.float("smoothing"), weights: attributes.floats("class_weights"),
      ignored: attributes.ints("ignored"))
  }

  static func check(_ targets: ClassTargets?, _ prediction: TensorType) throws(DenpaError) {
    guard let given = targets?.weightCount, given > 0, let classes = prediction.shape.last, classes != given
    else { return }
    throw DenpaError(
      .badShape, "class_weights: expected one for each of the \(classes) classes, got \(given)")
  }

  /// Returns the targets of a loss's forward as they count.
  static func forward(_ r: Recipe, _ targets: ClassTargets?, _ reduction: Reduction) -> Tensor {
    guard let targets else { return r.input(1) }
    let rows = r.saved("t", like: r.input(0))
    r.classTargets(r.input(1), targets, reduction, into: rows)
    return rows
  }

  /// Returns the same tensor in backward.
  static func backward(_ r: Recipe, _ targets: ClassTargets?) -> Tensor {
    targets == nil ? r.input(1) : r.saved("t", like: r.input(0))
  }

  static let samples: [Sample] = [
    Sample(
      [
        NamedAttribute("smoothing", .float(0.1)),
        NamedAttribute("class_weights", .floats([1, 2, 0.5, 0, 3])),
      ],
      inputs: [TensorType(.float32, [4, 5]), TensorType(.int64, [4])], range: 0.05...1, classes: 5,
      distributions: [0]),
    Sample(
      [
        NamedAttribute("ignored", .ints([1])), NamedAttribute("smoothing", .float(0.2)),
        NamedAttribute("reduction", .string("none")),
      ],
      inputs: [TensorType(.float32, [2, 3, 4]), TensorType(.int32, [2, 3])], range: 0.05...1, classes: 4,
      distributions: [0]),
    Sample(
      [NamedAttribute("class_weights", .floats([1, 2, 3]))],
      inputs: [TensorType(.float32, [3, 3]), TensorType(.float32, [3, 3])], range: 0.05...1,
      distributions: [0, 1]),
  ]
}
