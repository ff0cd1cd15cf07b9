import DenpaCore
import DenpaGraph
import Glibc

/// gamma to the number of milestones that were reached.
struct MultiStepDecay: Schedule {
  static let definition = ScheduleDefinition(
    kind: "multi_step_decay", summary: "The rate is multiplied by gamma at each milestone.",
    details: "gamma to the number of milestones ≤ t.",
    attributes: [
      AttributeSpec("milestones", .ints, minimum: 0, maximum: 1e15, "At which steps."), Schedules.gamma,
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    MultiStepDecay(milestones: attributes.ints("milestones"), gamma: attributes.float("gamma"))
  }

  let milestones: [Int]
  let gamma: Double

  func factor(_ t: Int64, _ state: [Double]) -> Double {
    pow(gamma, Double(milestones.reduce(0) { $0 + ($1 <= t ? 1 : 0) }))
  }
}
