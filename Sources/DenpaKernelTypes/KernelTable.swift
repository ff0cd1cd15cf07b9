/// All kernels of one instruction set for one float dtype.
public struct KernelTable: Sendable {
  public var product: Step
  /// A step for a product of these sizes, transpositions and function that is faster than `product` and gives the same bits; nil: there is
  /// none. Pointers are not looked at. A product that is to add to C asks with `accumulate`.
  public var productStep: @convention(c) (_ productArguments: UnsafeRawPointer) -> Step?
  /// For a small W, and a slope that is cheap; nil otherwise.
  public var denseRowGradientStep: @convention(c) (_ denseRowGradientArguments: UnsafeRawPointer) -> Step?
  public var map: Step
  public var mapGradient: Step
  public var add: Step
  public var scale: Step
  public var columnSum: Step
  public var softmax: Step
  public var softmaxGradient: Step
  public var crossEntropy: Step
  public var crossEntropyGradient: Step
  public var squaredError: Step
  public var squaredErrorGradient: Step
  public var sgd: Step
  public var adam: Step
  public var finite: Step
  /// Bytes of workspace (a multiple of 64, maybe 0) that `product` needs for these sizes and at most `threads` workers.
  /// Never shrinks when m, n or k grows. The arguments' pointers are not looked at.
  public var productWorkspace: @convention(c) (_ productArguments: UnsafeRawPointer, _ threads: Int32) -> Int

  public init(
    product: @escaping Step, productStep: @escaping @convention(c) (UnsafeRawPointer) -> Step?,
    denseRowGradientStep: @escaping @convention(c) (UnsafeRawPointer) -> Step?, map: @escaping Step,
    mapGradient: @escaping Step, add: @escaping Step,
    scale: @escaping Step, columnSum: @escaping Step, softmax: @escaping Step, softmaxGradient: @escaping Step,
    crossEntropy: @escaping Step, crossEntropyGradient: @escaping Step, squaredError: @escaping Step,
    squaredErrorGradient: @escaping Step, sgd: @escaping Step, adam: @escaping Step, finite: @escaping Step,
    productWorkspace: @escaping @convention(c) (UnsafeRawPointer, Int32) -> Int
  ) {
    self.product = product
    self.productStep = productStep
    self.denseRowGradientStep = denseRowGradientStep
    self.map = map
    self.mapGradient = mapGradient
    self.add = add
    self.scale = scale
    self.columnSum = columnSum
    self.softmax = softmax
    self.softmaxGradient = softmaxGradient
    self.crossEntropy = crossEntropy
    self.crossEntropyGradient = crossEntropyGradient
    self.squaredError = squaredError
    self.squaredErrorGradient = squaredErrorGradient
    self.sgd = sgd
    self.adam = adam
    self.finite = finite
    self.productWorkspace = productWorkspace
  }
}

/// What one kernel module offers.
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
