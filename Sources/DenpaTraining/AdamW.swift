import DenpaCore
import DenpaGraph

/// AdamW: Adam whose weight decay does not pass through the moments: w ← w − learning_rate·weight_decay·w,
/// then Adam's step.
///
/// Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019; the defaults are PyTorch's.
enum AdamW {
  static let definition = OptimizerDefinition(
    kind: "adamw",
    summary: "Adam with decoupled weight decay: w ← w − learning_rate·weight_decay·w, then Adam's step.",
    details: "Loshchilov & Hutter, \"Decoupled Weight Decay Regularization\", 2019.",
    attributes: Adam.definition.attributes.map { attribute in
      guard attribute.name == "weight_decay" else { return attribute }
      var own = attribute
      own.defaultValue = .float(0.01)
      own.summary = "How much of a weight is subtracted, times learning_rate."
      return own
    }
  ) { (attributes) throws(DenpaError) in
    Adam(moments: Moments(attributes, isDecoupled: true), amsgrad: attributes.bool("amsgrad"))
  }
}
