import DenpaCore
import DenpaGraph
import Glibc

/// Up to the given rate and down again, along cosines (Smith & Topin, "Super-Convergence", 2018; PyTorch's
/// OneCycleLR without a cycle of the momentum).
struct OneCycle: Schedule {
  static let definition = ScheduleDefinition(
    kind: "one_cycle", summary: "Up to the given rate and down far below where it began, along cosines.",
    details: "From start to 1 in the first `rise` of the steps, then to end. Smith & Topin, 2018.",
    attributes: [
      Schedules.steps("The length of the cycle."),
      AttributeSpec(
        "rise", .float, default: .float(0.3), minimum: 0, maximum: 1, "The part of the steps that goes up."),
      AttributeSpec(
        "start", .float, default: .float(0.04), minimum: 0, maximum: 1, "The factor at the beginning."),
      AttributeSpec(
        "end", .float, default: .float(4e-6), minimum: 0, maximum: 1, "The factor at the end, and after it."),
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    OneCycle(
      steps: attributes.int("steps"), rise: attributes.float("rise"), start: attributes.float("start"),
      end: attributes.float("end"))
  }

  let steps: Int
  let rise: Double
  let start: Double
  let end: Double

  func factor(_ t: Int64, _ state: [Double]) -> Double {
    let top = rise * Double(steps) - 1, last = Double(steps - 1)
    let t = min(Double(t), last)
    if t <= top { return along(start, 1, top > 0 ? t / top : 1) }
    return along(1, end, last > top ? (t - top) / (last - top) : 1)
  }

  private func along(_ from: Double, _ to: Double, _ part: Double) -> Double {
    to + (from - to) / 2 * (1 + cos(Double.pi * part))
  }
}
