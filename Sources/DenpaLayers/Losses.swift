import DenpaCore
import DenpaGraph

/// Shared by the losses: the `reduction` attribute and the rules for targets.
enum Losses {
  static let reduction = AttributeSpec(
    "reduction", .string, default: .string("mean"), choices: Reduction.allCases.map(\.rawValue),
    "mean, sum, batch_mean (summed per sample, averaged over samples) or none (a loss for each row).")

  static func reduction(_ attributes: Attributes) -> Reduction {
    Reduction(rawValue: attributes.string("reduction")) ?? .mean
  }

  /// Returns one number, or one for each row of the prediction's last axis.
  static func output(_ prediction: TensorType, _ reduction: Reduction) -> [TensorType] {
    guard reduction == .none else { return [TensorType(prediction.dtype, [])] }
    var rows = Shape()
    for axis in 0..<max(prediction.shape.rank - 1, 1) { rows.append(prediction.shape[axis]) }
    return [TensorType(prediction.dtype, rows)]
  }

  /// Checks targets like the prediction, where (rows,) and (rows, 1) are equal.
  static func checkValues(_ prediction: TensorType, _ target: TensorType) throws(DenpaError) {
    let y = prediction.shape, t = target.shape
    let columns = (y.rank == 2 && y[1] == 1 && t.rank == 1) || (t.rank == 2 && t[1] == 1 && y.rank == 1)
    guard y == t || (columns && y[0] == t[0]) else {
      throw DenpaError(
        .badShape, "expected targets \(y) like the predictions, got \(t); targets are never broadcast")
    }
  }

  /// Checks class indices, one per row of the prediction (rows, …, classes), or probabilities in its shape.
  static func checkClasses(_ prediction: TensorType, _ target: TensorType) throws(DenpaError) {
    let shape = prediction.shape
    guard shape.rank >= 2 else {
      throw DenpaError(.badShape, "expected predictions (rows, classes), got \(shape)")
    }
    if target.dtype.isFloat {
      guard target.shape == shape else {
        throw DenpaError(
          .badShape, "expected targets \(shape) like the predictions, or class numbers, got \(target.shape)")
      }
      return
    }
    var numbers = Shape()
    for axis in 0..<shape.rank - 1 { numbers.append(shape[axis]) }
    var column = numbers
    column.append(1)
    guard target.shape == numbers || target.shape == column else {
      throw DenpaError(
        .badShape,
        "expected class numbers \(numbers) or \(column) for predictions \(shape), got \(target.shape)")
    }
  }

  static let classSamples: [Sample] = [
    Sample(
      inputs: [TensorType(.float32, [4, 5]), TensorType(.int64, [4])], range: 0.05...1, classes: 5,
      distributions: [0]),
    Sample(
      [NamedAttribute("reduction", .string("sum"))],
      inputs: [TensorType(.float32, [3, 4]), TensorType(.int32, [3, 1])], range: 0.05...1, classes: 4,
      distributions: [0]),
    Sample(
      [NamedAttribute("reduction", .string("batch_mean"))],
      inputs: [TensorType(.float32, [2, 3, 4]), TensorType(.uint8, [2, 3])], range: 0.05...1, classes: 4,
      distributions: [0]),
    Sample(
      [NamedAttribute("reduction", .string("none"))],
      inputs: [TensorType(.float32, [4, 5]), TensorType(.float32, [4, 5])], range: 0.05...1,
      distributions: [0, 1]),
  ]
}
