import DenpaCore
import DenpaGraph

/// Top-k accuracy: the part of the rows whose class is among the k largest predictions. A class with the same
/// prediction as the right one does not push it back.
struct TopKAccuracy: Metric {
  static let definition = MetricDefinition(
    kind: "top_k_accuracy", summary: "The part of the rows whose class is among the k largest predictions.",
    details: "For classes; predictions equal to that of the right class do not count against it.",
    attributes: [
      AttributeSpec("k", .int, default: .int(5), minimum: 1, maximum: 1e9, "How many predictions count.")
    ],
    isBetterHigher: true, check: requireClasses
  ) { (attributes) throws(DenpaError) in TopKAccuracy(k: attributes.int("k")) }

  let k: Int
  private var right = 0
  private var all = 0

  init(k: Int) { self.k = k }

  mutating func reset() { (right, all) = (0, 0) }

  mutating func add(_ batch: MetricBatch) {
    for row in 0..<batch.rows {
      guard let label = batch.label(row) else { continue }
      let own = batch.prediction(row, label)
      var larger = 0
      for column in 0..<batch.columns where batch.prediction(row, column) > own { larger += 1 }
      // A prediction that is NaN is not among the largest.
      if larger < k, own == own { right += 1 }
      all += 1
    }
  }

  var value: Double { all > 0 ? Double(right) / Double(all) : .nan }

  var gathered: [Double] {
    get { [Double(right), Double(all)] }
    set { (right, all) = (newValue.count(at: 0), newValue.count(at: 1)) }
  }
}
