import DenpaCore
import DenpaGraph

/// The part of the members of a class that were found: found / (found + missed); averaged over classes.
struct Recall: Metric {
  static let definition = MetricDefinition(
    kind: "recall", summary: "The part of the members of a class that were found.",
    details: "found / (found + missed); averaged over classes.",
    attributes: [ClassCounts.average], isBetterHigher: true, check: requireDecisions
  ) { (attributes) throws(DenpaError) in Recall(average: attributes.string("average")) }

  let average: String
  private var counts = ClassCounts()

  init(average: String) { self.average = average }

  mutating func reset() { counts.reset() }
  mutating func add(_ batch: MetricBatch) { counts.add(batch) }

  var value: Double {
    counts.average(average) { found, _, missed in Double(found) / Double(found + missed) }
  }

  var gathered: [Double] {
    get { counts.gathered }
    set { counts.gathered = newValue }
  }
}
