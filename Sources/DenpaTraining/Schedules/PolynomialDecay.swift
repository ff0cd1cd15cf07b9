import DenpaCore
import DenpaGraph
import Glibc

/// end + (1 − end)·(1 − t / steps)^power.
struct PolynomialDecay: Schedule {
  static let definition = ScheduleDefinition(
    kind: "polynomial_decay", summary: "From 1 to end along a power: end + (1 − end)·(1 − t / steps)^power.",
    details: "power 1: a straight line. After steps, end.",
    attributes: [
      Schedules.steps("After how many steps the end is reached."), Schedules.end,
      AttributeSpec("power", .float, default: .float(1), minimum: 0, maximum: 1000, "The exponent."),
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    PolynomialDecay(
      steps: attributes.int("steps"), end: attributes.float("end"), power: attributes.float("power"))
  }

  let steps: Int
  let end: Double
  let power: Double

  func factor(_ t: Int64, _ state: [Double]) -> Double {
    t >= steps ? end : end + (1 - end) * pow(1 - Double(t) / Double(steps), power)
  }
}
