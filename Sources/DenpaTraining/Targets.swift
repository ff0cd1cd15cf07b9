import DenpaCore
import DenpaGraph

/// What plans are told of the targets of a batch.
extension Trainer {
  /// Returns whether the inputs are one sample without a batch axis.
  func isSample(_ inputs: UnsafeBufferPointer<TensorView>) -> Bool {
    guard let first = inputs.first, let value = model.graph.inputs.first else { return false }
    return first.isSample(of: model.graph.values[value].type)
  }

  /// Returns whether a target holds class numbers. Integers do, unless they have the predictions' own shape;
  /// then they are one-hot rows.
  func isClassNumbers(
    _ index: Int, _ view: TensorView, _ graph: Graph, isSample: Bool
  ) -> Bool {
    let term = options.losses[lossTensors.all[index].loss]
    guard !view.type.dtype.isFloat, term.definition.spec.classTargets, lossTensors.all[index].role == .target
    else {
      return false
    }
    let prediction = graph.values[model.outputs[term.output]].type.shape
    let given = view.type.shape
    let skip = isSample ? 0 : 1
    guard given.rank + 1 - skip == prediction.rank, prediction.last != 1 else { return true }
    return given.last != prediction.last
  }

  /// Returns the type of a target in a plan for targets like the given one.
  func targetType(
    _ index: Int, _ view: TensorView, _ graph: Graph, isSample: Bool
  ) throws(DenpaError) -> TensorType {
    let spec = options.losses[lossTensors.all[index].loss].definition.spec
    guard lossTensors.all[index].role == .target else {
      guard isSample || view.type.shape.rank == 1 else {
        throw DenpaError(
          .badShape,
          "sample weights of \(spec.kind): expected one for each row, (rows,), got \(view.type.shape)")
      }
      return TensorType(.float32, Shape.batched([]))
    }
    let dtype: DType = isClassNumbers(index, view, graph, isSample: isSample) ? view.type.dtype : .float32
    let sample = isSample ? view.type.shape : view.type.shape.sample
    guard sample.rank < Shape.maximumRank, isSample || view.type.shape.rank > 0 else {
      throw DenpaError(
        .badShape, "target of \(spec.kind): expected one target for each row, got \(view.type.shape)")
    }
    return TensorType(dtype, Shape.batched(sample))
  }

  /// Returns the types of all targets in a plan for targets like the given ones.
  func targetTypes(
    _ targets: UnsafeBufferPointer<TensorView>, _ sizes: BatchSizes, isSample: Bool
  ) throws(DenpaError) -> [TensorType] {
    let expected = targetCount(given: targets.count)
    guard targets.count == expected else {
      throw DenpaError(.badArgument, "the trainer has \(expected) target(s), got \(targets.count)")
    }
    let graph = try model.graph.closed(sizes.extents)
    var types: [TensorType] = []
    for index in 0..<targets.count {
      types.append(try targetType(index, targets[index], graph, isSample: isSample))
    }
    return types
  }
}
