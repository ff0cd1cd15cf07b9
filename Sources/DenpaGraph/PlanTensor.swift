import DenpaCore
import DenpaKernelTypes

/// The number of a tensor in a plan.
public typealias TensorID = Int

/// Where the elements of a plan's tensor are.
public enum TensorRole: Sendable, Equatable {
  /// In the caller's memory, bound at each call.
  case slot(Int)
  /// A parameter or state of the model, by its number.
  case parameter(Int)
  /// The gradient of a parameter, by the parameter's number; kept from call to call.
  case parameterGradient(Int)
  /// One number, known when the plan is made.
  case constant(Double)
  /// In the arena, alive from its first write to its last read.
  case temporary
  /// Elements of another tensor, which is not itself a view.
  case view(TensorID, View)
}

public struct PlanTensor: Sendable {
  /// The batch may be symbolic; float dtypes are the model's.
  public var type: TensorType
  public var role: TensorRole
  /// The node that the tensor belongs to and what it is there, for traces and errors.
  public var node: Int
  public var label: String
}

/// A tensor that an op writes, and whether it replaces the existing values or adds to them.
public struct Destination: Sendable {
  public enum Mode: Sendable, Equatable {
    case overwrite
    case add
    /// Decided by the executor at each call: gradients of parameters accumulate from call to call until they
    /// are zeroed.
    case runtime
  }
  public var tensor: TensorID
  public var mode = Mode.overwrite
}
