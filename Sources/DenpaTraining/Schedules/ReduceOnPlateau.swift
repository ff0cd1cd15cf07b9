import DenpaCore
import DenpaGraph

/// The rate is multiplied by gamma where the loss of an epoch has not fallen for `patience` epochs: the loss of
/// the validation data, if there is any (PyTorch's ReduceLROnPlateau).
struct ReduceOnPlateau: Schedule {
  static let definition = ScheduleDefinition(
    kind: "reduce_on_plateau",
    summary: "The rate is multiplied by gamma where the loss does not fall any more.",
    details:
      "After `patience` epochs of fit without a loss below best·(1 − threshold), and again after as many.",
    attributes: [
      Schedules.gamma,
      AttributeSpec(
        "patience", .int, default: .int(10), minimum: 0, maximum: 1e15, "Epochs without progress that pass."),
      AttributeSpec(
        "threshold", .float, default: .float(1e-4), minimum: 0, maximum: 1, "By what part a loss has to fall."
      ),
      AttributeSpec(
        "cooldown", .int, default: .int(0), minimum: 0, maximum: 1e15,
        "Epochs after a change that do not count."
      ),
      AttributeSpec(
        "end", .float, default: .float(0), minimum: 0, maximum: 1e30, "The factor that is not gone below."),
    ]
  ) { (attributes, _) throws(DenpaError) in
    ReduceOnPlateau(
      gamma: attributes.float("gamma"), patience: attributes.int("patience"),
      threshold: attributes.float("threshold"), cooldown: attributes.int("cooldown"),
      end: attributes.float("end"))
  }

  let gamma: Double
  let patience: Int
  let threshold: Double
  let cooldown: Int
  let end: Double

  /// The factor, the best loss, the epochs without progress, the epochs that do not count.
  var initialState: [Double] { [1, .infinity, 0, 0] }

  func factor(_ t: Int64, _ state: [Double]) -> Double { state[0] }

  func observe(_ loss: Double, _ state: inout [Double]) {
    if loss < state[1] * (1 - threshold) {
      state[1] = loss
      state[2] = 0
    } else {
      state[2] += 1
    }
    if state[3] > 0 {
      state[3] -= 1
      state[2] = 0
    }
    guard state[2] > Double(patience) else { return }
    state[0] = max(state[0] * gamma, end)
    (state[2], state[3]) = (0, Double(cooldown))
  }
}
