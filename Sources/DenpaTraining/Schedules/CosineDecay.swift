import DenpaCore
import DenpaGraph
import Glibc

/// From 1 to end along half a cosine, once or again and again (Loshchilov & Hutter, "SGDR: Stochastic Gradient
/// Descent with Warm Restarts", 2017).
struct CosineDecay: Schedule {
  static let definition = ScheduleDefinition(
    kind: "cosine_decay", summary: "From 1 to end along half a cosine, once or with restarts.",
    details:
      "end + (1 − end)·(1 + cos πt/steps)/2. With restarts, each run is `growth` times as long as the one before. Loshchilov & Hutter, 2017.",
    attributes: [
      Schedules.steps("The length of the first run."), Schedules.end,
      AttributeSpec("restarts", .bool, default: .bool(false), "Whether it begins anew at the end of a run."),
      AttributeSpec(
        "growth", .int, default: .int(1), minimum: 1, maximum: 1000, "How many times as long the next run is."
      ),
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    CosineDecay(
      steps: attributes.int("steps"), end: attributes.float("end"), restarts: attributes.bool("restarts"),
      growth: attributes.int("growth"))
  }

  let steps: Int
  let end: Double
  let restarts: Bool
  let growth: Int

  func factor(_ t: Int64, _ state: [Double]) -> Double {
    var t = t, length = Int64(steps)
    if restarts, growth == 1 {
      t %= length
    } else if restarts {
      while t >= length {
        t -= length
        let (next, overflows) = length.multipliedReportingOverflow(by: Int64(growth))
        length = overflows ? .max : next
      }
    }
    guard t < length else { return end }
    return end + (1 - end) * (1 + cos(Double.pi * Double(t) / Double(length))) / 2
  }
}
