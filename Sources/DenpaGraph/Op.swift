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
  /// The memory of another tensor under another shape.
  case view(TensorID)
}

public struct PlanTensor: Sendable {
  /// The batch may be symbolic; float dtypes are the model's.
  public var type: TensorType
  public var role: TensorRole
  /// For traces and errors: which node, what of it.
  public var node: Int
  public var label: String
}

extension [PlanTensor] {
  /// The tensor whose memory `id` is: itself, or what it is a view of.
  func storage(_ id: TensorID) -> TensorID {
    var base = id
    while case .view(let next) = self[base].role { base = next }
    return base
  }
}

/// How a sum over rows and columns becomes the loss.
public enum Reduction: String, Sendable, CaseIterable {
  /// Mean over all elements (of a cross-entropy: over all rows).
  case mean
  case sum
  /// Summed per sample, averaged over the batch.
  case batchMean = "batch_mean"
  /// One loss a sample.
  case none

  /// The factor before the sum: `elements` terms from `batch` samples.
  func scale(elements: Int, batch: Int) -> Double {
    switch self {
    case .mean: 1 / Double(max(elements, 1))
    case .batchMean: 1 / Double(max(batch, 1))
    case .sum, .none: 1
    }
  }
}

/// What is written, and whether it replaces or adds to what is there.
public struct Destination: Sendable {
  public enum Mode: Sendable, Equatable {
    case overwrite
    case add
    /// Told by the executor: gradients of parameters add up from call to call until they are zeroed.
    case runtime
  }
  public var tensor: TensorID
  public var mode = Mode.overwrite
}

public enum Direction: Sendable { case forward, backward }

/// One typed operation. Recipes emit them, passes rewrite them, lowering turns them into kernel calls.
public struct Op: Sendable {
  public enum Kind: Sendable {
    /// reads a, b, then bias when it has one, then what the slope that is multiplied in is told from.
    case product(transposeA: Bool, transposeB: Bool, bias: Bool, function: Function, slope: Function?)
    case map(Function)
    /// reads y (or x, where y does not tell the slope), dy
    case mapGradient(Function)
    case add
    case copy(scale: Double)
    case zero
    /// Integers to another integer dtype, or class numbers that are checked: below `classes` where that is given.
    case integers(classes: Int?)
    case columnSum
    case softmax
    /// reads y, dy
    case softmaxGradient
    /// reads prediction, target; writes loss and, from logits, the probabilities
    case crossEntropy(fromLogits: Bool, epsilon: Double, reduction: Reduction)
    /// reads probabilities, target, dloss
    case crossEntropyGradient(fromLogits: Bool, epsilon: Double, reduction: Reduction)
    /// reads prediction, target
    case squaredError(factor: Double, reduction: Reduction)
    /// reads prediction, target, dloss
    case squaredErrorGradient(factor: Double, reduction: Reduction)
    /// A call out of the engine, with the numbers of tensors in the order of `ForeignArguments`.
    case foreign(any ForeignLayer, Direction, ForeignLayout)
  }

  public var kind: Kind
  public var node: Int
  public var reads: [TensorID]
  /// nil: nobody wants this one.
  public var writes: [Destination?]
}

/// How many of a foreign op's reads are what. Reads: inputs, [outputs], parameters, [saved], doutputs as the direction has
/// them; writes: outputs and saved, or dinputs and dparameters. −1 stands for a tensor that is not there.
public struct ForeignLayout: Sendable {
  /// As the layer sees them, with the symbolic batch.
  public var inputTypes: [TensorType]
  public var inputs: [TensorID]
  public var outputs: [TensorID]
  public var parameters: [TensorID]
  public var saved: [TensorID]
  public var doutputs: [TensorID]
  public var workspace: TensorID?
}

/// What a foreign step leaves when it fails.
public struct ForeignFailure: Sendable {
  public var status = Status.layerFailed
  public var message = Message()
  public init() {}
}
