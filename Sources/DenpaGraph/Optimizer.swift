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

/// A span of weights, their gradient and the optimizer's moments, all of `count` elements.
public struct OptimizerSpan {
  public var count: Int
  public var weights: UnsafeMutableRawPointer
  public var gradient: UnsafeRawPointer
  public var moments: [UnsafeMutableRawPointer]

  public init(
    count: Int, weights: UnsafeMutableRawPointer, gradient: UnsafeRawPointer,
    moments: [UnsafeMutableRawPointer]
  ) {
    self.count = count
    self.weights = weights
    self.gradient = gradient
    self.moments = moments
  }
}

/// How weights follow from gradients.
public protocol Optimizer: Sendable {
  var learningRate: Double { get }
  /// What it remembers of each weight, by name: "velocity", or "first" and "second".
  var moments: [String] { get }
  /// Writes the arguments of a sweep to `memory` (`OptimizerLimits.argumentBytes` of them, 64-byte aligned).
  func sweep(_ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer)
    -> OptimizerSweep
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
