/// The kernels that a table has, one case for each. Their arguments are in `Arguments.swift`.
public enum Kernel: Int, Sendable, CaseIterable {
  case product
  case map, mapGradient
  case add, scale, finite
  case stridedCopy
  case columnSum
  case softmax, softmaxGradient
  case crossEntropy, crossEntropyGradient
  case squaredError, squaredErrorGradient
  case sgd, adam
}

/// All kernels of one instruction set for one float dtype: what one kernel module has to offer.
public struct KernelTable: Sendable {
  private let steps: [Step]
  /// A step for a product of these sizes, transpositions and function that is faster than `product` and gives
  /// the same bits; nil: there is none. Pointers are not looked at. A product that is to add to C asks with
  /// `accumulate`.
  public let productStep: @convention(c) (_ productArguments: UnsafeRawPointer) -> Step?
  /// For a small W, and a derivative that is cheap; nil otherwise.
  public let denseRowGradientStep: @convention(c) (_ denseRowGradientArguments: UnsafeRawPointer) -> Step?
  /// Bytes of workspace (a multiple of 64, maybe 0) that `product` needs for these sizes and at most
  /// `threads` workers. Never shrinks when m, n or k grows. The arguments' pointers are not looked at.
  public let productWorkspace: @convention(c) (_ productArguments: UnsafeRawPointer, _ threads: Int32) -> Int

  public init(
    _ step: (Kernel) -> Step, productStep: @escaping @convention(c) (UnsafeRawPointer) -> Step?,
    denseRowGradientStep: @escaping @convention(c) (UnsafeRawPointer) -> Step?,
    productWorkspace: @escaping @convention(c) (UnsafeRawPointer, Int32) -> Int
  ) {
    steps = Kernel.allCases.map(step)
    self.productStep = productStep
    self.denseRowGradientStep = denseRowGradientStep
    self.productWorkspace = productWorkspace
  }

  public subscript(kernel: Kernel) -> Step { steps[kernel.rawValue] }
}

/// The kernels of one instruction set.
public struct KernelSet: Sendable {
  /// "sse2", "neon", "avx2" or "avx512".
  public var name: StaticString
  public var float32: KernelTable
  public var float64: KernelTable

  public init(name: StaticString, float32: KernelTable, float64: KernelTable) {
    self.name = name
    self.float32 = float32
    self.float64 = float64
  }
}
