import DenpaCore
import DenpaGraph

/// Access to a trainer's state for inspection.
extension Trainer {
  /// Copies another trainer's weights, converting them to this one's dtype. Both models must have the same
  /// graph.
  public func takeParameters(of other: Trainer) {
    for (index, parameter) in parameters.enumerated() {
      convert(
        other.weights.base + other.model.layout.offsets[index], other.model.dtype,
        to: weights.base + model.layout.offsets[index], model.dtype, count: parameter.type.shape.count)
    }
  }

  /// Returns a writable view of a parameter in the trainer's own copy.
  public func weightView(_ name: String) throws(DenpaError) -> TensorView {
    let index = try model.parameterIndex(name)
    return TensorView(weights.base + model.layout.offsets[index], parameters[index].type)
  }

  /// Returns the loss of a batch as training computes it, without learning.
  public func loss(_ inputs: TensorList, _ targets: TensorList) throws(DenpaError) -> Double {
    let batch = try bindBatch(inputs, targets, training: true)
    return try withExecutor(of: batch) { executor throws(DenpaError) in
      try executor.execute(rows: batch.rows, parameters: weights.base, part: .forward)
      return executor.loss
    }
  }
}
