import DenpaCore
import DenpaKernelTypes

/// A sweep of an optimizer over a span of adjacent parameters: a kernel call and what sets its arguments.
public struct OptimizerSweep {
  public var step: Step
  /// Sets the arguments that change from step to step: learning rate, bias corrections. `t` counts from 1.
  public var prepare:
    @convention(c) (_ arguments: UnsafeMutableRawPointer, _ t: Int64, _ learningRate: Double) -> Void

  public init(
    step: @escaping Step, prepare: @escaping @convention(c) (UnsafeMutableRawPointer, Int64, Double) -> Void
  ) {
    self.step = step
    self.prepare = prepare
  }
}

/// A span of weights, their gradient, and what the optimizer keeps for them.
public struct OptimizerSpan {
  public var dtype: DType
  /// The number of elements. Those of an element-wise optimizer may belong to several adjacent parameters.
  public var count: Int
  /// The parameter's shape; nil if the optimizer is element-wise.
  public var shape: Shape?
  public var weights: UnsafeMutableRawPointer
  public var gradient: UnsafeRawPointer
  /// In the order of `Optimizer.state`.
  public var state: [UnsafeMutableRawPointer]
  /// `SweepingOptimizer.scratchBytes` bytes, aligned to 64 bytes, whose contents are lost after the sweep.
  public var scratch: UnsafeMutableRawPointer

  public init(
    dtype: DType, count: Int, shape: Shape?, weights: UnsafeMutableRawPointer,
    gradient: UnsafeRawPointer, state: [UnsafeMutableRawPointer], scratch: UnsafeMutableRawPointer
  ) {
    self.dtype = dtype
    self.count = count
    self.shape = shape
    self.weights = weights
    self.gradient = gradient
    self.state = state
    self.scratch = scratch
  }
}

/// A tensor that an optimizer keeps for each parameter: a moment, a counter.
public struct OptimizerState: Sendable {
  public var name: String
  /// What its elements are before the first step.
  public var initial: Double
  /// Computes its shape from the parameter's.
  public var shape: @Sendable (Shape) -> Shape

  public init(
    _ name: String, initial: Double = 0, shape: @escaping @Sendable (Shape) -> Shape = { $0 }
  ) {
    self.name = name
    self.initial = initial
    self.shape = shape
  }
}

/// How weights are trained.
public protocol Optimizer: Sendable {
  var learningRate: Double { get }
  /// What the optimizer keeps for each parameter: "velocity", or "first" and "second".
  var state: [OptimizerState] { get }
}

/// An optimizer that updates weights from their gradients, each parameter by itself.
public protocol SweepingOptimizer: Optimizer {
  /// Whether each element of a parameter is updated from the same elements of the gradient and the state
  /// alone. If so, adjacent parameters are swept together, and the state has their shapes.
  var isElementwise: Bool { get }
  /// The bytes of memory that a sweep over a parameter of this shape needs besides the state.
  func scratchBytes(_ kernels: KernelTable, _ shape: Shape, _ dtype: DType, threads: Int32) -> Int
  /// Returns a sweep whose arguments it has written to `memory` (`OptimizerLimits.argumentBytes` bytes,
  /// aligned to 64 bytes).
  func sweep(_ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer)
    -> OptimizerSweep
}

extension SweepingOptimizer {
  public var isElementwise: Bool { true }

  public func scratchBytes(_ kernels: KernelTable, _ shape: Shape, _ dtype: DType, threads: Int32) -> Int {
    0
  }
}

/// Parameters that are trained differently from the others.
public struct ParameterGroup: Sendable {
  /// The pattern of their names, as in a shell: `*` matches any text, `?` any one character.
  public var pattern: String
  /// The optimizer with the group's attributes.
  public var optimizer: any Optimizer
  /// Whether the parameters are not trained.
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

/// How a parameter is initialized.
public struct InitializerDefinition: Sendable {
  public struct Context: Sendable {
    public var shape: Shape
    /// The fan-in and fan-out: the two extents of W (in, out), the fan-in times the area of a kernel; for a
    /// vector, both are its extent.
    public var fanIn: Int
    public var fanOut: Int
    public var random: Random
    public var attributes: Attributes
  }

  public var kind: String
  public var summary: String
  public var details: String
  public var attributes: [AttributeSpec]
  /// Checks what the schema cannot express: the shape of a given tensor.
  public var check: @Sendable (Context) throws(DenpaError) -> Void
  public var values: Values

  /// What draws the values.
  public enum Values: Sendable {
    /// The value of an element, computed from its index and from random numbers that no other element uses.
    case element(@Sendable (Context, _ index: Int) -> Double)
    /// All elements, in order.
    case whole(@Sendable (Context, UnsafeMutableBufferPointer<Double>) throws(DenpaError) -> Void)
  }

  public init(
    kind: String, summary: String, details: String = "", attributes: [AttributeSpec] = [],
    check: @escaping @Sendable (Context) throws(DenpaError) -> Void = { (_) throws(DenpaError) in },
    values: Values
  ) {
    self.kind = kind
    self.summary = summary
    self.details = details
    self.attributes = attributes
    self.check = check
    self.values = values
  }

  public init(
    kind: String, summary: String, details: String = "", attributes: [AttributeSpec] = [],
    check: @escaping @Sendable (Context) throws(DenpaError) -> Void = { (_) throws(DenpaError) in },
    element: @escaping @Sendable (Context, Int) -> Double
  ) {
    self.init(
      kind: kind, summary: summary, details: details, attributes: attributes, check: check,
      values: .element(element))
  }
}
