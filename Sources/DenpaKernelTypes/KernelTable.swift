/// The kernels in a table. Their arguments are in `Arguments.swift`, `Arithmetic.swift` and
/// `LossFunctions.swift`.
public enum Kernel: Int, Sendable, CaseIterable {
  case product
  case map, mapGradient
  case binary, binaryGradient
  case scale, finite
  case stridedCopy
  case columnSum, sumAxes, maxAxes, maxAxesGradient
  case dropout, gaussianNoise
  case addRows
  case softmax, softmaxGradient, logSoftmax, logSoftmaxGradient
  case crossEntropy, crossEntropyGradient, classTargets
  case squaredError, squaredErrorGradient
  case elementLoss, cosineLoss
  case sgd, adam, update
  case sumSquares, clip
}

/// All kernels of one instruction set for one float dtype: the contents of one kernel module.
public struct KernelTable: Sendable {
  private let steps: [Step]
  /// Returns a step that is faster than `product` for these sizes, transpositions and function and gives the
  /// same bits; nil if there is none. Pointers are not inspected. `accumulate` says whether the product is
  /// added to C.
  public let productStep: @convention(c) (_ productArguments: UnsafeRawPointer) -> Step?
  /// Returns a step for a small W and a cheap derivative; nil otherwise.
  public let denseRowGradientStep: @convention(c) (_ denseRowGradientArguments: UnsafeRawPointer) -> Step?
  /// Returns the bytes of workspace (a multiple of 64, possibly 0) that `product` needs for these sizes and
  /// at most `threads` workers. Monotonic in m, n and k. Pointers are not inspected.
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
