import DenpaCore
import DenpaGraph

/// Throws unless predictions are decisions: of a loss that makes some, or rows of scores.
func requireDecisions(_ prediction: Shape, _ loss: LayerSpec) throws(DenpaError) {
  guard loss.decisions != nil || (prediction.rank > 1 && prediction.last != 1) else {
    throw DenpaError(
      .badArgument, "it is for decisions between classes, and \(loss.kind) of \(prediction) does not make any"
    )
  }
}

/// Throws unless predictions are rows of at least two classes.
func requireClasses(_ prediction: Shape, _ loss: LayerSpec) throws(DenpaError) {
  guard prediction.rank > 1, prediction.last != 1, loss.decisions != .elements else {
    throw DenpaError(
      .badArgument, "it is for rows of classes, not for predictions \(prediction) of \(loss.kind)")
  }
}

/// Throws if targets are class numbers, from which predictions have no distance.
func requireNumbers(_ prediction: Shape, _ loss: LayerSpec) throws(DenpaError) {
  guard loss.decisions != .classes else {
    throw DenpaError(
      .badArgument, "it is for targets like the predictions, not for the classes of \(loss.kind)")
  }
}
