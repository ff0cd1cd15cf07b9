import DenpaCore
import DenpaGraph

/// The schedules that come with the library: a line each.
public enum Schedules {
  public static func register(in registry: Registry = .shared) {
    registry.add(ConstantFactor.definition)
    registry.add(CosineDecay.definition)
    registry.add(ExponentialDecay.definition)
    registry.add(FactorList.definition)
    registry.add(MultiStepDecay.definition)
    registry.add(OneCycle.definition)
    registry.add(ReduceOnPlateau.definition)
    registry.add(PolynomialDecay.definition)
    registry.add(StepDecay.definition)
    registry.add(Warmup.definition)
  }

  static let per = AttributeSpec(
    "per", .string, default: .string("step"), choices: ["step", "epoch"],
    "What is counted: steps of the optimizer, or epochs of fit.")
  static let end = AttributeSpec(
    "end", .float, default: .float(0), minimum: 0, maximum: 1e30, "The factor at the end, and after it.")
  static let gamma = AttributeSpec(
    "gamma", .float, default: .float(0.1), minimum: 0, maximum: 1e30, "What the rate is multiplied by.")

  static func steps(_ summary: String) -> AttributeSpec {
    AttributeSpec("steps", .int, minimum: 1, maximum: 1e15, summary)
  }
}
