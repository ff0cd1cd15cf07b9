import DenpaCore
import DenpaGraph

/// A straight line from start to 1, then another schedule, which counts from the end of the line (Goyal et al.,
/// "Accurate, Large Minibatch SGD", 2017).
struct Warmup: Schedule {
  static let definition = ScheduleDefinition(
    kind: "warmup", summary: "A straight line from start to 1, then another schedule.",
    details:
      "start + (1 − start)·t / steps; then `next`, which counts from there in the same unit. Goyal et al., 2017.",
    attributes: [
      Schedules.steps("The length of the line."),
      AttributeSpec(
        "start", .float, default: .float(0), minimum: 0, maximum: 1, "The factor at the beginning."),
      AttributeSpec(
        "next", .spec, default: .spec(Spec("constant_factor")), category: "schedules", "What follows."),
      Schedules.per,
    ]
  ) { (attributes, registry) throws(DenpaError) in
    Warmup(
      steps: attributes.int("steps"), start: attributes.float("start"),
      next: try ScheduleSettings(attributes.spec("next"), registry).schedule)
  }

  let steps: Int
  let start: Double
  let next: any Schedule

  var initialState: [Double] { next.initialState }

  func factor(_ t: Int64, _ state: [Double]) -> Double {
    t < steps ? start + (1 - start) * Double(t) / Double(steps) : next.factor(t - Int64(steps), state)
  }

  func observe(_ loss: Double, _ state: inout [Double]) { next.observe(loss, &state) }
}
