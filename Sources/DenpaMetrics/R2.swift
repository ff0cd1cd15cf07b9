import DenpaCore
import DenpaGraph

/// The coefficient of determination: 1 − Σ(y − t)² / Σ(t − mean t)², averaged over the columns.
///
/// 1 is perfect, 0 as good as the mean. Of targets that are all alike it is 1 if they are met and 0 if not, as
/// in scikit-learn. The mean of the targets is updated row by row (Welford, 1962), so that nothing cancels.
struct R2: Metric {
  static let definition = MetricDefinition(
    kind: "r2", summary: "How much of the targets' variance is predicted: 1 − Σ(y − t)² / Σ(t − mean t)².",
    details: "Averaged over columns. 1 is perfect, 0 as good as the mean of the targets.",
    isBetterHigher: true,
    check: requireNumbers
  ) { (_) throws(DenpaError) in R2() }

  private struct Column {
    var count = 0.0, mean = 0.0, spread = 0.0, error = 0.0
  }
  private var columns: [Column] = []

  mutating func reset() { columns = [] }

  mutating func add(_ batch: MetricBatch) {
    while columns.count < batch.columns { columns.append(Column()) }
    for row in 0..<batch.rows {
      for index in 0..<batch.columns {
        let target = batch.target(row, index), error = batch.prediction(row, index) - target
        columns[index].error += error * error
        columns[index].count += 1
        let distance = target - columns[index].mean
        columns[index].mean += distance / columns[index].count
        columns[index].spread += distance * (target - columns[index].mean)
      }
    }
  }

  var value: Double {
    guard let first = columns.first, first.count > 0 else { return .nan }
    let sum = columns.reduce(0.0) {
      if $1.spread > 0 { return $0 + 1 - $1.error / $1.spread }
      return $0 + ($1.error > 0 ? 0 : $1.error == 0 ? 1 : .nan)
    }
    return sum / Double(columns.count)
  }

  var gathered: [Double] {
    get { columns.flatMap { [$0.count, $0.mean, $0.spread, $0.error] } }
    set {
      columns = (0..<newValue.count / 4).map {
        Column(
          count: newValue[4 * $0], mean: newValue[4 * $0 + 1], spread: newValue[4 * $0 + 2],
          error: newValue[4 * $0 + 3])
      }
    }
  }
}
