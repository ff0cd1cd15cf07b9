import DenpaCore
import DenpaGraph

/// The metrics that come with the library: a line each.
public enum Metrics {
  public static func register(in registry: Registry = .shared) {
    registry.add(AUC.definition)
    registry.add(Accuracy.definition)
    registry.add(F1.definition)
    registry.add(MeanAbsoluteError.definition)
    registry.add(Perplexity.definition)
    registry.add(Precision.definition)
    registry.add(R2.definition)
    registry.add(Recall.definition)
    registry.add(RootMeanSquaredError.definition)
    registry.add(TopKAccuracy.definition)
  }
}
