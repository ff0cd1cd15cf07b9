import DenpaCore
import DenpaGraph

/// Accuracy: the part of the decisions that are right.
///
/// Between classes, a decision is the largest prediction of a row; for a loss of yes and no
/// (binary_cross_entropy, hinge and their like), and for one column, each element above the threshold: 0.5, or
/// 0 for logits. Rows whose class number the loss ignores do not count.
struct Accuracy: Metric {
  static let definition = MetricDefinition(
    kind: "accuracy", summary: "The part of the decisions that are right.",
    details: "Between classes: the largest prediction; of yes and no: above 0.5, or above 0 for logits.",
    isBetterHigher: true, check: requireDecisions
  ) { (_) throws(DenpaError) in Accuracy() }

  private var right = 0
  private var all = 0

  mutating func reset() { self = Accuracy() }

  mutating func add(_ batch: MetricBatch) {
    for row in 0..<batch.rows {
      if batch.isOfElements {
        for column in 0..<batch.columns where batch.saysYes(row, column) == batch.isYes(row, column) {
          right += 1
        }
        all += batch.columns
      } else if let label = batch.label(row) {
        if batch.chosen(row) == label { right += 1 }
        all += 1
      }
    }
  }

  var value: Double { all > 0 ? Double(right) / Double(all) : .nan }

  var gathered: [Double] {
    get { [Double(right), Double(all)] }
    set { (right, all) = (newValue.count(at: 0), newValue.count(at: 1)) }
  }
}
