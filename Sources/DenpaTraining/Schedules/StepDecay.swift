import DenpaCore
import DenpaGraph
import Glibc

/// gamma^⌊t / every⌋.
struct StepDecay: Schedule {
  static let definition = ScheduleDefinition(
    kind: "step_decay", summary: "The rate is multiplied by gamma again and again: gamma^⌊t / every⌋.",
    details: "every: after how many steps.",
    attributes: [
      AttributeSpec("every", .int, minimum: 1, maximum: 1e15, "After how many steps."), Schedules.gamma,
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    StepDecay(every: attributes.int("every"), gamma: attributes.float("gamma"))
  }

  let every: Int
  let gamma: Double

  func factor(_ t: Int64, _ state: [Double]) -> Double { pow(gamma, Double(t / Int64(every))) }
}
