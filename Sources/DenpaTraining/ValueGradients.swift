import DenpaCore
import DenpaGraph

/// Gradients with respect to values between layers.
extension Trainer {
  /// Returns the first outputs of the nodes with these names.
  static func values(_ names: [String], of model: Model) throws(DenpaError) -> [ValueID] {
    var result: [ValueID] = []
    for name in names {
      guard let node = model.graph.nodes.first(where: { $0.name == name }), let value = node.outputs.first
      else {
        throw DenpaError(
          .notFound,
          "gradient_values: there is no node \"\(name)\"; there are \(list: model.graph.nodes.map(\.name))")
      }
      guard model.graph.values[value].type.dtype.isFloat else {
        throw DenpaError(.badArgument, "gradient_values: \"\(name)\" holds integers, which have no gradient")
      }
      guard !result.contains(value) else {
        throw DenpaError(.badArgument, "gradient_values: \"\(name)\" is given twice")
      }
      result.append(value)
    }
    return result
  }

  /// Returns a view of the gradient that the last backward computed with respect to a value between layers.
  public func valueGradientView(_ name: String) throws(DenpaError) -> TensorView {
    guard let index = options.gradientValues.firstIndex(of: name) else {
      throw DenpaError(
        .notFound,
        "the trainer was not made with \"\(name)\" among its gradient_values: \(list: options.gradientValues)"
      )
    }
    guard let (executor, rows) = gradientExecutor,
      let slot = executor.plan.slots.firstIndex(where: { $0.kind == .valueGradient && $0.index == index })
    else {
      throw DenpaError(
        .badState, "there is no gradient of \"\(name)\" yet: train a batch or run a backward first")
    }
    return TensorView(executor.slots[slot], executor.plan.slots[slot].type.withRows(rows))
  }
}
