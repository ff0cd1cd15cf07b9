import DenpaCore
import DenpaKernelTypes

/// A layer's or a loss's description of itself, from which the documentation, the bindings' classes and the
/// samples of the conformance suite are derived.
public struct LayerSpec: Sendable {
  public enum Role: Sendable { case layer, loss }

  public var kind: String
  public var role: Role
  /// One sentence with the formula.
  public var summary: String
  /// Shapes, units, errors, source (paper, year).
  public var details: String
  /// Stored in model files; incremented when the meaning of attributes or parameters changes.
  public var version = 1
  public var inputs: [String]
  /// Whether the last input may be given any number of times, at least once.
  public var variadic = false
  public var outputs: [String]
  /// Whether the number of outputs depends on the attributes.
  public var variadicOutputs = false
  public var parameters: [String] = []
  public var attributes: [AttributeSpec] = []
  /// Whether row i of each output depends only on row i of each input.
  public var rowsIndependent = true
  /// Whether it is a function of one value, element by element.
  public var isFunction = false
  /// Whether a loss's targets may be class numbers; if not, integers are converted to the float dtype.
  public var classTargets = false
  /// What a loss's predictions decide, if they do; and whether they are logits, not probabilities.
  public var decisions: Decisions? = nil
  public var fromLogits = false
  /// Whether a loss's mean is over the rows of the prediction's last axis, not over its elements.
  public var averagesRows = false
  public var dtypes: [DType] = [.float32, .float64]
  /// What the samples of a foreign layer, and thus its proof, show about each input. If empty, the shape rule
  /// decides.
  public var proved: [ProvedInput] = []
  public var differentiable = true
  public var samples: [Sample]
  /// The plugin that the layer is from; nil if it is built in.
  public var plugin: String? = nil

  public init(
    kind: String, role: Role = .layer, summary: String, details: String = "", inputs: [String] = ["x"],
    variadic: Bool = false, outputs: [String] = ["y"], variadicOutputs: Bool = false,
    parameters: [String] = [], attributes: [AttributeSpec] = [],
    rowsIndependent: Bool = true, classTargets: Bool = false, averagesRows: Bool = false,
    decisions: Decisions? = nil, fromLogits: Bool = false, samples: [Sample]
  ) {
    self.kind = kind
    self.role = role
    self.summary = summary
    self.details = details
    self.inputs = inputs
    self.variadic = variadic
    self.outputs = outputs
    self.variadicOutputs = variadicOutputs
    self.parameters = parameters
    self.attributes = attributes
    self.rowsIndependent = rowsIndependent
    self.classTargets = classTargets
    self.averagesRows = averagesRows
    self.decisions = decisions
    self.fromLogits = fromLogits
    self.samples = samples
  }
}

/// What was proved about one input of a foreign layer. Its callbacks cast pointers by dtype and use values as
/// indices, so nothing else may be passed to them.
public struct ProvedInput: Sendable {
  /// The dtypes in the samples; float32 represents every float dtype.
  public var dtypes: [DType]
  /// Whether its integers are class numbers, below the last extent of input 0.
  public var areClasses: Bool

  public init(dtypes: [DType], areClasses: Bool) {
    self.dtypes = dtypes
    self.areClasses = areClasses
  }

  /// Returns the proved dtype in which a tensor of `dtype` is passed to the layer; nil if there is none.
  public func dtype(for dtype: DType) -> DType? {
    if dtype.isFloat { return dtypes.contains(where: \.isFloat) ? dtype : nil }
    if dtypes.contains(dtype) { return dtype }
    return dtypes.filter { !$0.isFloat }.max { $0.size < $1.size }
  }
}

extension LayerSpec {
  /// Returns the types in which inputs are passed to the layer. Throws if it was not proved with such inputs.
  public func handedOver(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    guard !proved.isEmpty else { return inputs }
    var result: [TensorType] = []
    for (index, type) in inputs.enumerated() {
      guard let dtype = proved[index].dtype(for: type.dtype) else {
        let known = proved[index].dtypes.map { $0.isFloat ? "float" : $0.name }
        throw DenpaError(
          .badDType,
          "input \(index) (\(self.inputs[index])): expected \(list: known), which it was proved with, got \(type.dtype)"
        )
      }
      result.append(TensorType(dtype, type.shape))
    }
    return result
  }
}

/// Attributes and inputs with which the conformance suite and the proof run a layer.
public struct Sample: Sendable {
  public var attributes: [NamedAttribute]
  /// The types with the batch in front. A float input represents every float dtype.
  public var inputs: [TensorType]
  /// The range from which float values are drawn.
  public var range: ClosedRange<Double>
  /// Values that inputs must not come near: kinks.
  public var avoid: [Double]
  /// The number of classes: integer inputs are class numbers below it.
  public var classes: Int
  /// The numbers of the inputs each row of which is made a probability distribution.
  public var distributions: [Int]
  /// The values of each input, row-major; nil for an input whose values are drawn.
  public var values: [[Double]?] = []

  public init(
    _ attributes: [NamedAttribute] = [], inputs: [TensorType], range: ClosedRange<Double> = -2...2,
    avoid: [Double] = [], classes: Int = 2, distributions: [Int] = []
  ) {
    self.attributes = attributes
    self.inputs = inputs
    self.range = range
    self.avoid = avoid
    self.classes = classes
    self.distributions = distributions
  }
}

public struct ParameterSpec: Sendable, Equatable {
  public enum Role: Int, Sendable {
    /// Changed by the optimizer.
    case trained = 0
    /// Never changed by training.
    case frozen = 1
    /// Written by the layer's own forward while training; has no gradient.
    case state = 2
  }

  public var name: String
  public var shape: Shape
  public var initializer: Spec
  public var role: Role

  public init(_ name: String, _ shape: Shape, initializer: Spec, role: Role = .trained) {
    self.name = name
    self.shape = shape
    self.initializer = initializer
    self.role = role
  }
}

/// A layer with checked attributes: how it computes its outputs and its gradients. Instances are immutable.
///
/// Built-in, plugin and in-process layers all conform to this protocol.
public protocol Layer: Sendable {
  /// Returns the types of the outputs. Axis 0 may be `Shape.batch`: copy it, never compute with it. Errors
  /// need not name the node.
  func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType]
  /// Returns the parameters, which must not depend on the batch.
  func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec]
  /// What training adds to the loss for the layer's first output.
  var penalties: [Penalty] { get }
  /// Writes the ops of y = f(x).
  func forward(_ r: Recipe) throws(DenpaError)
  /// Writes the ops of every gradient. The plan decides which gradients are wanted, and which are stored or
  /// added.
  func backward(_ r: Recipe) throws(DenpaError)
}

extension Layer {
  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] { [] }
  public var penalties: [Penalty] { [] }
}

/// A term of the loss that a layer brings along: weight · Σ kind(y), averaged over the batch.
public struct Penalty: Sendable {
  /// A layer of one value: abs, square.
  public var kind: String
  public var weight: Double

  public init(_ kind: String, weight: Double) {
    self.kind = kind
    self.weight = weight
  }
}

/// A layer that is part of the library: one type, one file.
public protocol BuiltInLayer: Layer {
  static var spec: LayerSpec { get }
  init(_ attributes: Attributes) throws(DenpaError)
}

/// A layer whose forward and backward are calls of code outside the engine: a plugin's layer, or one of the
/// program itself.
public protocol ForeignLayer: Layer {
  /// Returns the types of what forward keeps for backward, for inputs with a known batch.
  func saved(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType]
  func workspace(_ inputs: [TensorType]) throws(DenpaError) -> Int
  /// Whether backward reads the inputs, and whether it reads the outputs.
  var needs: (inputs: Bool, outputs: Bool) { get }
  /// Prepares one call with these types. The result is kept as long as the plan's arguments for this batch
  /// size.
  func prepare(_ call: ForeignCall) throws(DenpaError) -> PreparedForeignCall
}

extension ForeignLayer {
  public func forward(_ r: Recipe) throws(DenpaError) { try r.callForward(self) }
  public func backward(_ r: Recipe) throws(DenpaError) { try r.callBackward(self) }
}

/// A forward or backward call that a plan makes again and again, with changing pointers.
public struct ForeignCall: Sendable {
  public var node: String
  public var nodeIndex: Int
  public var backward: Bool
  public var rows: Int
  public var inputs: [TensorType]
  public var outputs: [TensorType]
  public var parameters: [TensorType]
  public var saved: [TensorType]

  public init(
    node: String, nodeIndex: Int, backward: Bool, rows: Int, inputs: [TensorType], outputs: [TensorType],
    parameters: [TensorType], saved: [TensorType]
  ) {
    self.node = node
    self.nodeIndex = nodeIndex
    self.backward = backward
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    self.parameters = parameters
    self.saved = saved
  }
}

public struct PreparedForeignCall {
  /// Called with `ForeignArguments`. A result other than 0 stops the plan; the layer's error is then in
  /// `Run.failure`.
  public var step: Step
  public var context: AnyObject

  public init(
    step: @escaping Step, context: AnyObject
  ) {
    self.step = step
    self.context = context
  }
}

/// The arguments of a foreign step. The pointers are in this order: inputs, outputs, parameters, saved
/// tensors; in backward followed by doutputs, dinputs, dparameters, where nil means that the gradient is not
/// wanted.
public struct ForeignArguments {
  public var context: UnsafeMutableRawPointer
  public var pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  public var pointerCount: Int
  /// For each of dinputs and dparameters, 1 if the gradient is added to the existing values, otherwise 0.
  public var accumulate: UnsafeMutablePointer<Int32>
  public var workspace: UnsafeMutableRawPointer?

  public init(
    context: UnsafeMutableRawPointer, pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
    pointerCount: Int,
    accumulate: UnsafeMutablePointer<Int32>, workspace: UnsafeMutableRawPointer?
  ) {
    self.context = context
    self.pointers = pointers
    self.pointerCount = pointerCount
    self.accumulate = accumulate
    self.workspace = workspace
  }
}
