import DenpaCore
import DenpaGraph

/// The square root of the mean over all elements of (y − t)².
struct RootMeanSquaredError: Metric {
  static let definition = MetricDefinition(
    kind: "root_mean_squared_error", summary: "The root of the mean of squared differences: √mean (y − t)².",
    details: "Over all elements. In the units of the target.", isBetterHigher: false, check: requireNumbers
  ) { (_) throws(DenpaError) in RootMeanSquaredError() }

  private var sum = 0.0
  private var count = 0

  mutating func reset() { self = RootMeanSquaredError() }

  mutating func add(_ batch: MetricBatch) {
    for row in 0..<batch.rows {
      for column in 0..<batch.columns {
        let difference = batch.prediction(row, column) - batch.target(row, column)
        sum += difference * difference
      }
    }
    count += batch.rows * batch.columns
  }

  var value: Double { count > 0 ? (sum / Double(count)).squareRoot() : .nan }

  var gathered: [Double] {
    get { [sum, Double(count)] }
    set { (sum, count) = (newValue.number(at: 0), newValue.count(at: 1)) }
  }
}
