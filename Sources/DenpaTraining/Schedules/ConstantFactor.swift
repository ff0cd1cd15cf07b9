import DenpaCore
import DenpaGraph

/// A constant factor for some steps, 1 after them (PyTorch's ConstantLR).
struct ConstantFactor: Schedule {
  static let definition = ScheduleDefinition(
    kind: "constant_factor", summary: "A constant factor for some steps, 1 after them.",
    details: "factor for t < steps, then 1; steps 0: always.",
    attributes: [
      AttributeSpec(
        "factor", .float, default: .float(1), minimum: 0, maximum: 1e30, "What the rate is multiplied by."),
      AttributeSpec("steps", .int, default: .int(0), minimum: 0, maximum: 1e15, "For how long; 0: always."),
      Schedules.per,
    ]
  ) { (attributes, _) throws(DenpaError) in
    ConstantFactor(multiple: attributes.float("factor"), steps: attributes.int("steps"))
  }

  let multiple: Double
  let steps: Int

  func factor(_ t: Int64, _ state: [Double]) -> Double { steps == 0 || t < steps ? multiple : 1 }
}
