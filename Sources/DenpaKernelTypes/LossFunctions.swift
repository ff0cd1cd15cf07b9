/// Losses of a prediction y and its target t that are added up; some have a parameter α.
public enum LossFunction: Int32, Sendable, CaseIterable {
  case absoluteError = 0
  /// α: from which difference on it is linear.
  case huber = 1
  /// α: the quantile.
  case quantile = 2
  case hinge = 3
  case squaredHinge = 4
  /// α is added to each probability inside the log.
  case binaryCrossEntropy = 5
  /// α: the weight of a target of 1.
  case sigmoidCrossEntropy = 6
  /// α: the exponent γ.
  case focal = 7
  /// α is added to the rate inside the log.
  case poisson = 8
  case poissonOfLog = 9
  /// α is added to the prediction inside the log.
  case divergence = 10
  /// 1 − the cosine of the angle between two rows. Its kernel is `cosineLoss`, that of all others
  /// `elementLoss`.
  case cosine = 11
  /// The prediction itself; there is no target.
  case value = 12
  /// The prediction times the target, which is its weight.
  case weighted = 13

  /// Whether its terms are rows, so that a mean is over rows and not over elements.
  public var isOfRows: Bool { self == .divergence || self == .cosine }
}

/// scale·Σ of a loss function over rows×columns, and its gradient with respect to the prediction in the same
/// sweep; with `perRow` the loss of each row.
public struct ElementLossArguments {
  public var rows = 0, columns = 0
  /// Raw value of `LossFunction`.
  public var function: Int32 = 0
  public var perRow: Int32 = 0
  public var accumulate: Int32 = 0
  public var alpha = 0.0
  public var scale: Double = 1
  public var prediction: Const? = nil, target: Const? = nil
  /// nil if only the gradient is wanted.
  public var loss: Mutable? = nil
  /// Receives the gradient dloss·scale·∂(function)/∂y, or adds it if `accumulate`; nil for none. `dloss` is
  /// one number, or one per row with `perRow`.
  public var dx: Mutable? = nil, dloss: Const? = nil
  public init() {}
}
