import DenpaCore
import DenpaKernelTypes

/// One sweep of an optimizer over a span of parameters that lie side by side: a kernel call and its
/// arguments.
public struct OptimizerSweep {
  public var step: Step
  /// Sets what changes from step to step in the arguments: learning rate, bias corrections. `t` counts from
  /// 1.
  public var prepare:
    @convention(c) (_ arguments: UnsafeMutableRawPointer, _ t: Int64, _ learningRate: Double) -> Void

  public init(
    step: @escaping Step, prepare: @escaping @convention(c) (UnsafeMutableRawPointer, Int64, Double) -> Void
  ) {
    self.step = step
    self.prepare = prepare
  }
}

/// A span of weights, their gradient and what the optimizer keeps of them.
public struct OptimizerSpan {
  /// Elements; of an element-wise optimizer they may belong to several parameters that lie side by side.
  public var count: Int
  /// Of the parameter; nil if there are several.
  public var shape: Shape?
  public var weights: UnsafeMutableRawPointer
  public var gradient: UnsafeRawPointer
  /// In the order of `Optimizer.state`.
  public var state: [UnsafeMutableRawPointer]

  public init(
    count: Int, shape: Shape?, weights: UnsafeMutableRawPointer, gradient: UnsafeRawPointer,
    state: [UnsafeMutableRawPointer]
  ) {
    self.count = count
    self.shape = shape
    self.weights = weights
    self.gradient = gradient
    self.state = state
  }
}

/// One tensor that an optimizer keeps for each parameter: a moment, a counter. It begins with zeros.
public struct OptimizerState: Sendable {
  public var name: String
  /// Its shape, from the parameter's.
  public var shape: @Sendable (Shape) -> Shape

  public init(_ name: String, shape: @escaping @Sendable (Shape) -> Shape = { $0 }) {
    self.name = name
    self.shape = shape
  }
}

/// How weights follow from gradients.
public protocol Optimizer: Sendable {
  var learningRate: Double { get }
  /// What it keeps of each parameter: "velocity", or "first" and "second". It may get more than it asks for,
  /// if another group of parameters does.
  var state: [OptimizerState] { get }
  /// Whether an element of a parameter follows from the same elements of the gradient and the state alone.
  /// Then parameters that lie side by side are swept together; the state has their shapes.
  var isElementwise: Bool { get }
  /// Writes the arguments of a sweep to `memory` (`OptimizerLimits.argumentBytes` of them, 64-byte aligned).
  func sweep(_ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer)
    -> OptimizerSweep
}

extension Optimizer {
  public var isElementwise: Bool { true }
}

/// Parameters that are trained in another way than the others.
public struct ParameterGroup: Sendable {
  /// Of their names, as the shell's: `*` is any text, `?` one letter.
  public var pattern: String
  /// The optimizer with the group's attributes.
  public var optimizer: any Optimizer
  /// They are not trained.
  public var isFrozen: Bool

  public init(_ pattern: String, _ optimizer: any Optimizer, isFrozen: Bool = false) {
    self.pattern = pattern
    self.optimizer = optimizer
    self.isFrozen = isFrozen
  }
}

public enum OptimizerLimits {
  public static let argumentBytes = 256
}

public struct OptimizerDefinition: Sendable {
  public var kind: String
  public var summary: String
  public var details: String
  public var attributes: [AttributeSpec]
  public var make: @Sendable (Attributes) throws(DenpaError) -> any Optimizer

  public init(
    kind: String, summary: String, details: String, attributes: [AttributeSpec],
    make: @escaping @Sendable (Attributes) throws(DenpaError) -> any Optimizer
  ) {
    self.kind = kind
    self.summary = summary
    self.details = details
    self.attributes = attributes
    self.make = make
  }
}

/// How a parameter begins. `element` answers the value of element `index`, from its own random numbers.
public struct InitializerDefinition: Sendable {
  public struct Context: Sendable {
    public var shape: Shape
    /// Inputs and outputs that one unit sees: of W (in, out) the two extents; of vectors the extent, twice.
    public var fanIn: Int
    public var fanOut: Int
    public var random: Random
    public var attributes: Attributes
  }

  public var kind: String
  public var summary: String
  public var details: String
  public var attributes: [AttributeSpec]
  /// Checks what the schema cannot: a given tensor's shape.
  public var check: @Sendable (Context) throws(DenpaError) -> Void
  public var element: @Sendable (Context, _ index: Int) -> Double

  public init(
    kind: String, summary: String, details: String = "", attributes: [AttributeSpec] = [],
    check: @escaping @Sendable (Context) throws(DenpaError) -> Void = { (_) throws(DenpaError) in },
    element: @escaping @Sendable (Context, Int) -> Double
  ) {
    self.kind = kind
    self.summary = summary
    self.details = details
    self.attributes = attributes
    self.check = check
    self.element = element
  }
}
