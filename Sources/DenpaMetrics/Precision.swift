import DenpaCore
import DenpaGraph

/// The part of what was taken for a class that belongs to it: found / (found + wrong); averaged over classes.
struct Precision: Metric {
  static let definition = MetricDefinition(
    kind: "precision", summary: "The part of what was taken for a class that belongs to it.",
    details: "found / (found + wrong); averaged over classes.",
    attributes: [ClassCounts.average], isBetterHigher: true, check: requireDecisions
  ) { (attributes) throws(DenpaError) in Precision(average: attributes.string("average")) }

  let average: String
  private var counts = ClassCounts()

  init(average: String) { self.average = average }

  mutating func reset() { counts.reset() }
  mutating func add(_ batch: MetricBatch) { counts.add(batch) }

  var value: Double {
    counts.average(average) { found, wrong, _ in Double(found) / Double(found + wrong) }
  }

  var gathered: [Double] {
    get { counts.gathered }
    set { counts.gathered = newValue }
  }
}
