import DenpaCore
import DenpaGraph

/// The mean over all elements of |y − t|.
struct MeanAbsoluteError: Metric {
  static let definition = MetricDefinition(
    kind: "mean_absolute_error", summary: "The mean of absolute differences: mean |y − t|.",
    details: "Over all elements. In the units of the target.", isBetterHigher: false, check: requireNumbers
  ) { (_) throws(DenpaError) in MeanAbsoluteError() }

  private var sum = 0.0
  private var count = 0

  mutating func reset() { self = MeanAbsoluteError() }

  mutating func add(_ batch: MetricBatch) {
    for row in 0..<batch.rows {
      for column in 0..<batch.columns {
        sum += abs(batch.prediction(row, column) - batch.target(row, column))
      }
    }
    count += batch.rows * batch.columns
  }

  var value: Double { count > 0 ? sum / Double(count) : .nan }

  var gathered: [Double] {
    get { [sum, Double(count)] }
    set { (sum, count) = (newValue.number(at: 0), newValue.count(at: 1)) }
  }
}
