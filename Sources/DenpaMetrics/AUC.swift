import DenpaCore
import DenpaGraph

/// The area under the curve of true against false positives: the probability that a member is predicted higher
/// than another sample, equal predictions counting half (Hanley & McNeil, 1982).
///
/// For yes and no, or two classes; with several columns of yes and no it is the mean over them. It is exact, so
/// that it keeps 9 bytes for each decision of an epoch. NaN where all targets are alike.
struct AUC: Metric {
  static let definition = MetricDefinition(
    kind: "auc", summary: "The probability that a member of a class is predicted higher than another sample.",
    details:
      "For yes and no, or two classes. Exact: it keeps 9 bytes for each decision. Hanley & McNeil, 1982.",
    isBetterHigher: true,
    check: { (prediction, loss) throws(DenpaError) in
      try requireDecisions(prediction, loss)
      let columns = prediction.rank > 1 ? prediction.last ?? 1 : 1
      guard columns <= 2 || loss.decisions == .elements else {
        throw DenpaError(
          .badArgument, "it is for yes and no or two classes, not for \(columns) classes of \(loss.kind)")
      }
    }
  ) { (_) throws(DenpaError) in AUC() }

  private struct Column {
    var scores: [Double] = []
    var isMember: [Bool] = []
  }
  private var columns: [Column] = []

  mutating func reset() { columns = [] }

  mutating func add(_ batch: MetricBatch) {
    let count = batch.isOfElements ? batch.columns : 1
    while columns.count < count { columns.append(Column()) }
    for row in 0..<batch.rows {
      if batch.isOfElements {
        for column in 0..<count {
          columns[column].scores.append(batch.prediction(row, column))
          columns[column].isMember.append(batch.isYes(row, column))
        }
      } else if let label = batch.label(row) {
        columns[0].scores.append(batch.prediction(row, 1) - batch.prediction(row, 0))
        columns[0].isMember.append(label == 1)
      }
    }
  }

  var value: Double {
    columns.isEmpty ? .nan : columns.reduce(0) { $0 + AUC.area($1) } / Double(columns.count)
  }

  /// From the sum of the members' ranks, equal scores sharing theirs.
  private static func area(_ column: Column) -> Double {
    let order = column.scores.indices.sorted { column.scores[$0] < column.scores[$1] }
    let members = column.isMember.reduce(0) { $0 + ($1 ? 1 : 0) }
    let others = order.count - members
    guard members > 0, others > 0 else { return .nan }
    var ranks = 0.0
    var first = 0
    while first < order.count {
      var end = first + 1
      while end < order.count, column.scores[order[end]] == column.scores[order[first]] { end += 1 }
      let rank = Double(first + end + 1) / 2
      for position in first..<end where column.isMember[order[position]] { ranks += rank }
      first = end
    }
    return (ranks - Double(members) * Double(members + 1) / 2) / (Double(members) * Double(others))
  }

  /// For each column the number of its decisions, their scores, and whether each is of a member.
  var gathered: [Double] {
    get { columns.flatMap { [Double($0.scores.count)] + $0.scores + $0.isMember.map { $0 ? 1 : 0 } } }
    set {
      columns = []
      var first = 0
      while first < newValue.count {
        let count = newValue.count(at: first), scores = first + 1, members = scores + count
        guard count <= (newValue.count - scores) / 2 else { return }
        columns.append(
          Column(
            scores: Array(newValue[scores..<members]),
            isMember: newValue[members..<members + count].map { $0 == 1 }))
        first = members + count
      }
    }
  }
}
