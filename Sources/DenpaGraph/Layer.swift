import DenpaCore
import DenpaKernelTypes

/// What a layer, loss, optimizer or initializer says of itself: the documentation, the bindings' classes and
/// the conformance suite follow from it.
public struct LayerSpec: Sendable {
  public enum Role: Sendable { case layer, loss }

  public var kind: String
  public var role: Role
  /// One sentence with the formula.
  public var summary: String
  /// Shapes, units, errors, source (paper, year).
  public var details: String
  /// Stored in model files; grows when the meaning of attributes or parameters changes.
  public var version = 1
  public var inputs: [String]
  /// The last input may stand any number of times, at least once.
  public var variadic = false
  public var outputs: [String]
  /// How many outputs there are depends on the attributes.
  public var variadicOutputs = false
  public var parameters: [String] = []
  public var attributes: [AttributeSpec] = []
  /// Row i of each output depends on row i of each input alone.
  public var rowsIndependent = true
  /// Of a loss: targets may be class numbers; otherwise integers are converted to the float dtype.
  public var classTargets = false
  public var dtypes: [DType] = [.float32, .float64]
  /// Of a foreign layer: what its samples, and so its proof, say of each input. Empty: the shape rule
  /// decides.
  public var proved: [ProvedInput] = []
  public var differentiable = true
  public var samples: [Sample]
  /// The plugin that it came from; nil: built in.
  public var plugin: String? = nil

  public init(
    kind: String, role: Role = .layer, summary: String, details: String = "", inputs: [String] = ["x"],
    variadic: Bool = false, outputs: [String] = ["y"], variadicOutputs: Bool = false,
    parameters: [String] = [], attributes: [AttributeSpec] = [],
    rowsIndependent: Bool = true, classTargets: Bool = false, samples: [Sample]
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
    self.samples = samples
  }
}

/// What was proved of one input of a foreign layer, whose callbacks cast pointers by dtype and index by
/// value: nothing else may get there.
public struct ProvedInput: Sendable {
  /// Of the samples; float32 stands for every float dtype.
  public var dtypes: [DType]
  /// Its integers are class numbers: below the last extent of input 0.
  public var areClasses: Bool

  public init(dtypes: [DType], areClasses: Bool) {
    self.dtypes = dtypes
    self.areClasses = areClasses
  }

  /// The proved dtype in which a tensor of `dtype` is handed to the layer; nil where there is none.
  public func dtype(for dtype: DType) -> DType? {
    if dtype.isFloat { return dtypes.contains(where: \.isFloat) ? dtype : nil }
    if dtypes.contains(dtype) { return dtype }
    return dtypes.filter { !$0.isFloat }.max { $0.size < $1.size }
  }
}

extension LayerSpec {
  /// The types in which inputs are handed to the layer, or what is wrong with one of them.
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

/// What the conformance suite and the proof feed a layer.
public struct Sample: Sendable {
  public var attributes: [NamedAttribute]
  /// With the batch in front. Float inputs stand for every float dtype.
  public var inputs: [TensorType]
  /// Float values are drawn from here.
  public var range: ClosedRange<Double>
  /// Values that no input comes near: kinks.
  public var avoid: [Double]
  /// Integer inputs are class numbers below this.
  public var classes: Int
  /// Each row of the inputs with these numbers is made a probability distribution.
  public var distributions: [Int]
  /// For each input its own values, row-major; nil where they are drawn.
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

/// A recipe: what a layer with checked attributes computes, and how its gradients follow. Instances are
/// immutable.
///
/// Built-in, plugin and in-process layers are all of this kind.
public protocol Layer: Sendable {
  /// The types of the outputs. Axis 0 may be `Shape.batch`: copy it, never compute with it. Errors need not
  /// name the node.
  func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType]
  /// The parameters; must not depend on the batch.
  func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec]
  /// Writes the ops of y = f(x).
  func forward(_ r: Recipe) throws(DenpaError)
  /// Writes the ops of every gradient. Which of them are wanted, stored or added is the plan's business.
  func backward(_ r: Recipe) throws(DenpaError)
}

extension Layer {
  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] { [] }
}

/// A layer that is part of the library: one type, one file.
public protocol BuiltInLayer: Layer {
  static var spec: LayerSpec { get }
  init(_ attributes: Attributes) throws(DenpaError)
}

/// A layer whose forward and backward are calls out of the engine: a plugin's or a program's own.
public protocol ForeignLayer: Layer {
  /// What forward keeps for backward; inputs have a known batch.
  func saved(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType]
  func workspace(_ inputs: [TensorType]) throws(DenpaError) -> Int
  /// Whether backward reads inputs, outputs.
  var needs: (inputs: Bool, outputs: Bool) { get }
  /// Makes what one call with these types needs; kept as long as the plan's arguments for this batch size.
  func prepare(_ call: ForeignCall) throws(DenpaError) -> PreparedForeignCall
}

extension ForeignLayer {
  public func forward(_ r: Recipe) throws(DenpaError) { try r.callForward(self) }
  public func backward(_ r: Recipe) throws(DenpaError) { try r.callBackward(self) }
}

/// One forward or backward call that a plan will make, again and again, with changing pointers.
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
  /// Called with `ForeignArguments`; non-zero stops the plan, the layer's words are in `Run.failure`.
  public var step: Step
  public var context: AnyObject

  public init(
    step: @escaping Step, context: AnyObject
  ) {
    self.step = step
    self.context = context
  }
}

/// What a foreign step is called with. The pointers are in this order: inputs, outputs, parameters, saved;
/// in backward then doutputs, dinputs, dparameters, where nil means that nobody wants the gradient.
public struct ForeignArguments {
  public var context: UnsafeMutableRawPointer
  public var pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  public var pointerCount: Int
  /// 0 or 1 for each of dinputs, dparameters.
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
