import DenpaCore
import DenpaGraph

/// For each class, how many of its members were found, how many of others were taken for members, and how many
/// members were missed. Where elements are decisions, each column is a class of its own.
struct ClassCounts {
  private(set) var found: [Int] = []
  private(set) var wrong: [Int] = []
  private(set) var missed: [Int] = []

  static let average = AttributeSpec(
    "average", .string, default: .string("macro"), choices: ["macro", "micro", "weighted"],
    "How classes are averaged: alike, by decisions, or by their members. One column has one class: yes.")

  mutating func reset() { self = ClassCounts() }

  mutating func add(_ batch: MetricBatch) {
    if found.count < batch.columns {
      let more = batch.columns - found.count
      found += Array(repeating: 0, count: more)
      wrong += Array(repeating: 0, count: more)
      missed += Array(repeating: 0, count: more)
    }
    for row in 0..<batch.rows {
      if batch.isOfElements {
        for column in 0..<batch.columns {
          switch (batch.saysYes(row, column), batch.isYes(row, column)) {
          case (true, true): found[column] += 1
          case (true, false): wrong[column] += 1
          case (false, true): missed[column] += 1
          case (false, false): break
          }
        }
      } else if let label = batch.label(row) {
        let chosen = batch.chosen(row)
        if chosen == label {
          found[label] += 1
        } else {
          wrong[chosen] += 1
          missed[label] += 1
        }
      }
    }
  }

  /// Averages a measure over the classes that occur among targets or predictions; NaN if there are none. A
  /// class for which it is 0 / 0 counts as 0, as in scikit-learn.
  func average(
    _ kind: String, _ measure: (_ found: Int, _ wrong: Int, _ missed: Int) -> Double
  ) -> Double {
    func finite(_ value: Double) -> Double { value.isFinite ? value : 0 }
    let classes = found.indices.filter { found[$0] + wrong[$0] + missed[$0] > 0 }
    guard !classes.isEmpty else { return found.isEmpty ? .nan : 0 }
    switch kind {
    case "micro":
      return finite(measure(found.reduce(0, +), wrong.reduce(0, +), missed.reduce(0, +)))
    case "weighted":
      let members = classes.reduce(0) { $0 + found[$1] + missed[$1] }
      let sum = classes.reduce(0.0) {
        $0 + Double(found[$1] + missed[$1]) * finite(measure(found[$1], wrong[$1], missed[$1]))
      }
      return finite(sum / Double(members))
    default:
      let sum = classes.reduce(0.0) { $0 + finite(measure(found[$1], wrong[$1], missed[$1])) }
      return sum / Double(classes.count)
    }
  }

  /// The three counts of each class, one class after the other.
  var gathered: [Double] {
    get { found.indices.flatMap { [Double(found[$0]), Double(wrong[$0]), Double(missed[$0])] } }
    set {
      let classes = 0..<newValue.count / 3
      found = classes.map { newValue.count(at: 3 * $0) }
      wrong = classes.map { newValue.count(at: 3 * $0 + 1) }
      missed = classes.map { newValue.count(at: 3 * $0 + 2) }
    }
  }
}
