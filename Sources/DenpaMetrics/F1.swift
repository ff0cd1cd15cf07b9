import DenpaCore
import DenpaGraph

/// The harmonic mean of precision and recall: 2·found / (2·found + wrong + missed); averaged over classes. van Rijsbergen, 1979.
struct F1: Metric {
  static let definition = MetricDefinition(
    kind: "f1", summary: "The harmonic mean of precision and recall.",
    details: "2·found / (2·found + wrong + missed); averaged over classes. van Rijsbergen, 1979.",
    attributes: [ClassCounts.average], isBetterHigher: true, check: requireDecisions
  ) { (attributes) throws(DenpaError) in F1(average: attributes.string("average")) }

  let average: String
  private var counts = ClassCounts()

  init(average: String) { self.average = average }

  mutating func reset() { counts.reset() }
  mutating func add(_ batch: MetricBatch) { counts.add(batch) }

  var value: Double {
    counts.average(average) { found, wrong, missed in 2 * Double(found) / Double(2 * found + wrong + missed) }
  }

  var gathered: [Double] {
    get { counts.gathered }
    set { counts.gathered = newValue }
  }
}
