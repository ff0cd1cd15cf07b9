import DenpaCore
import DenpaGraph

/// The factor of each step from a list, the last one from then on.
struct FactorList: Schedule {
  static let definition = ScheduleDefinition(
    kind: "factor_list", summary: "The factor of each step from a list; the last one is kept.",
    details: "factors[t], and the last of them after the end of the list.",
    attributes: [
      AttributeSpec("factors", .floats, minimum: 0, maximum: 1e30, "One for each step."), Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    let factors = attributes.floats("factors")
    guard !factors.isEmpty else { throw DenpaError(.badArgument, "the list of factors is empty") }
    return FactorList(factors: factors)
  }

  let factors: [Double]

  func factor(_ t: Int64, _ state: [Double]) -> Double { factors[min(Int(t), factors.count - 1)] }
}
