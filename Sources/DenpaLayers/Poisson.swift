import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Poisson loss: E = mean of y − t·log(y + ε); dy = 1 − t / (y + ε). With `log`, y is the logarithm of the
/// rate: E = mean of e^y − t·y; dy = e^y − t
///
/// Shapes, reduction and integer targets as in `MeanSquaredError`; t are counts. The likelihood without log
/// t!, which has no gradient. A count of 0 makes its term 0, so y = t = 0 costs nothing. ε is the `epsilon`,
/// 0 by default. Poisson, 1837; Nelder & Wedderburn, 1972.
public struct Poisson: ElementLossLayer {
  public static let spec = ElementLosses.spec(
    "poisson", "How unlikely counts are for predicted rates: E = mean y − t·log(y + epsilon).",
    "y any shape, rates, with log their logarithms; t like y, counts. Nelder & Wedderburn, 1972.",
    attributes: [
      AttributeSpec(
        "log", .bool, default: .bool(false), "Whether y is the logarithm of the rate: E = mean e^y − t·y."),
      ElementLosses.epsilon,
    ],
    samples: [
      [], [NamedAttribute("log", .bool(true))], [NamedAttribute("epsilon", .float(1e-3))],
    ], range: 0.2...3, targets: [0, 1, 3, 0, 2])
  let loss: ElementLoss

  public init(_ attributes: Attributes) throws(DenpaError) {
    let epsilon = attributes.float("epsilon")
    if attributes.bool("log"), epsilon != 0 {
      throw DenpaError(
        .badArgument, "expected epsilon 0 with log, got \(epsilon): no logarithm is computed of it")
    }
    loss = ElementLoss(attributes.bool("log") ? .poissonOfLog : .poisson, alpha: epsilon, attributes)
  }
}
