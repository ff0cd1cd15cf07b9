import DenpaCore
import DenpaGraph
import Glibc

/// Perplexity: e to the mean cross-entropy of the right classes, as if so many classes were equally likely
/// (Jelinek et al., 1977). Smoothing and class weights of the loss have no part in it.
struct Perplexity: Metric {
  static let definition = MetricDefinition(
    kind: "perplexity", summary: "e to the mean cross-entropy: among how many classes it hesitates.",
    details: "For classes. Smoothing and class weights of the loss have no part in it. Jelinek et al., 1977.",
    isBetterHigher: false, check: requireClasses
  ) { (_) throws(DenpaError) in Perplexity() }

  private var sum = 0.0
  private var count = 0

  mutating func reset() { self = Perplexity() }

  mutating func add(_ batch: MetricBatch) {
    for row in 0..<batch.rows {
      guard let label = batch.label(row) else { continue }
      sum -= logProbability(batch, row, label)
      count += 1
    }
  }

  private func logProbability(_ batch: MetricBatch, _ row: Int, _ label: Int) -> Double {
    let own = batch.prediction(row, label)
    guard batch.loss.fromLogits else { return log(own) }
    var largest = own
    for column in 0..<batch.columns { largest = max(largest, batch.prediction(row, column)) }
    var total = 0.0
    for column in 0..<batch.columns { total += exp(batch.prediction(row, column) - largest) }
    return own - largest - log(total)
  }

  var value: Double { count > 0 ? exp(sum / Double(count)) : .nan }

  var gathered: [Double] {
    get { [sum, Double(count)] }
    set { (sum, count) = (newValue.number(at: 0), newValue.count(at: 1)) }
  }
}
