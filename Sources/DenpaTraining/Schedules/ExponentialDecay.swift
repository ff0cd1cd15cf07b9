import DenpaCore
import DenpaGraph
import Glibc

/// gamma^t.
struct ExponentialDecay: Schedule {
  static let definition = ScheduleDefinition(
    kind: "exponential_decay", summary: "The rate decays exponentially: gamma^t.",
    details: "gamma: from step to step.",
    attributes: [
      AttributeSpec(
        "gamma", .float, minimum: 0, maximum: 1e30, "What the rate is multiplied by at each step."),
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in ExponentialDecay(gamma: attributes.float("gamma")) }

  let gamma: Double

  func factor(_ t: Int64, _ state: [Double]) -> Double { pow(gamma, Double(t)) }
}
