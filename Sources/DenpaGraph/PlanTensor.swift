import DenpaCore
import DenpaKernelTypes

/// A tensor of a plan: a number.
public typealias TensorID = Int

/// Where a tensor of a plan lives.
public enum TensorRole: Sendable, Equatable {
  /// The caller's memory, bound anew at each call.
  case slot(Int)
  /// A parameter or state of the model, by its number.
  case parameter(Int)
  /// The gradient of a parameter, by the parameter's number; kept from call to call.
  case parameterGradient(Int)
  /// One number, known when the plan is made.
  case constant(Double)
  /// In the arena, alive from its first write to its last read.
  case temporary
  /// Elements of another tensor, which is no view.
  case view(TensorID, View)
}

public struct PlanTensor: Sendable {
  /// The batch may be symbolic; float dtypes are the model's.
  public var type: TensorType
  public var role: TensorRole
  /// For traces and errors: which node, what of it.
  public var node: Int
  public var label: String
}

/// What is written, and whether it replaces or adds to what is there.
public struct Destination: Sendable {
  public enum Mode: Sendable, Equatable {
    case overwrite
    case add
    /// Decided by the executor at each call: gradients of parameters add up from call to call until they are
    /// zeroed.
    case runtime
  }
  public var tensor: TensorID
  public var mode = Mode.overwrite
}
