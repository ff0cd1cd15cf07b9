// The arguments of each kernel. All matrices are row-major and contiguous unless a leading dimension is
// given. Pointers are raw, because one struct serves float32 and float64; the kernel's table determines the
// dtype. `accumulate`: 0 overwrites the destination, other values add to it. `flag`: if not nil, set to 1
// (never cleared) when a non-finite value was written.

public typealias Const = UnsafeRawPointer
public typealias Mutable = UnsafeMutableRawPointer
public typealias Flag = UnsafeMutablePointer<Int32>

/// Element-wise functions of one argument; some have a parameter α. Some can be fused into the preceding
/// product (`isFusable`); those whose derivative can be computed from the value (`derivativeFromOutput`) even
/// in training, since their argument is not needed afterwards.
public enum Function: Int32, Sendable, CaseIterable {
  case identity = 0
  case sigmoid = 1
  case tanh = 2
  case relu = 3
  case exp = 4
  case erf = 5
  case gelu = 6
  case geluTanh = 7
  case log = 8
  case squareRoot = 9
  case magnitude = 10
  case square = 11
  case step = 12
  case leakyReLU = 13
  case elu = 14
  case celu = 15
  case selu = 16
  case silu = 17
  case mish = 18
  case softplus = 19
  case softsign = 20
  case logSigmoid = 21
  case hardSigmoid = 22
  case hardTanh = 23
  case hardSwish = 24
  case relu6 = 25

  /// Whether the product kernels can apply it to their result.
  public var isFusable: Bool { rawValue <= Function.geluTanh.rawValue }

  /// Whether f'(x) is computed from y = f(x) rather than from x.
  public var derivativeFromOutput: Bool {
    switch self {
    case .identity, .sigmoid, .tanh, .relu, .exp, .squareRoot: true
    default: false
    }
  }
}

/// C = f(A·B + bias) ∘ g'(derivativePoint), or C += …
///
/// A is m×k, B is k×n (after transposition), C is m×n. A and B may have any strides, and be walked over by
/// several loops; the rows of C are contiguous, one stride apart.
public struct ProductArguments {
  public var m: Int, n: Int, k: Int
  public var a: Const? = nil, b: Const? = nil, c: Mutable? = nil
  /// Elements from one row to the next, as the matrix is stored. A B or C that has one column is without gaps,
  /// and so is a C that has a `derivativePoint`.
  public var aStride: Int, bStride: Int, cStride: Int
  /// If not nil, the matrix is walked over by these loops instead.
  public var aLoops: UnsafePointer<OperandLoops>? = nil, bLoops: UnsafePointer<OperandLoops>? = nil
  /// Whether A is stored as k×m (row-major) instead of m×k. A single row or column is never transposed.
  public var transposeA: Int32
  /// Whether B is stored as n×k instead of k×n. A single row or column is never transposed.
  public var transposeB: Int32
  public var accumulate: Int32 = 0
  /// Raw value of `Function`, applied to A·B + bias. Never together with `accumulate`.
  public var function: Int32 = 0
  /// n values added to each row before the function; nil if there are none.
  public var bias: Const? = nil
  /// m×n outputs y of a function whose derivative multiplies A·B before it is stored (fused backward of an
  /// activation); the arguments x instead if the derivative is computed from them
  /// (`Function.derivativeFromOutput`).
  public var derivativePoint: Const? = nil
  public var derivativeFunction: Int32 = 0
  public var flag: Flag? = nil
  /// `KernelTable.productWorkspace` bytes, 64-byte aligned; nil if that is 0.
  public var workspace: Mutable? = nil
  /// Whether C is 64-byte aligned and padded to a multiple of 64 bytes, so that values may be written past
  /// its end.
  public var isPadded: Int32 = 0

  /// A product of matrices without gaps.
  public init(m: Int = 0, n: Int = 0, k: Int = 0, transposeA: Bool = false, transposeB: Bool = false) {
    self.m = m
    self.n = n
    self.k = k
    self.transposeA = transposeA && m > 1 && k > 1 ? 1 : 0
    self.transposeB = transposeB && n > 1 && k > 1 ? 1 : 0
    aStride = self.transposeA != 0 ? m : k
    bStride = self.transposeB != 0 ? k : n
    cStride = n
  }
}

/// The loops that walk over a factor of a product: over its lines (rows of A, columns of B), and over the
/// steps of the summed axis. At least one of each, the outermost first. Elements may be met more than once.
public struct OperandLoops {
  public var lines: UnsafePointer<SingleAxis>, steps: UnsafePointer<SingleAxis>
  public var lineLoops: Int, stepLoops: Int

  public init(
    lines: (UnsafePointer<SingleAxis>, count: Int), steps: (UnsafePointer<SingleAxis>, count: Int)
  ) {
    (self.lines, lineLoops) = lines
    (self.steps, stepLoops) = steps
  }
}

/// The gradients of y = x·W + b on one sample: dW (+)= xᵀ·dy, db (+)= dy, dx = (dy·Wᵀ) ∘ f'(derivativePoint),
/// each computed if its pointer is not nil.
///
/// W is k×n. dw and db are 64-byte aligned and padded to a multiple of 64 bytes; zeros may be written there.
public struct DenseRowGradientArguments {
  public var n = 0, k = 0
  public var x: Const? = nil, w: Const? = nil, dy: Const? = nil
  public var dx: Mutable? = nil, dw: Mutable? = nil, db: Mutable? = nil
  /// As in `ProductArguments`.
  public var derivativePoint: Const? = nil
  public var derivativeFunction: Int32 = 0
  /// For dW and db.
  public var accumulate: Int32 = 0
  /// For dx, as in `ProductArguments`.
  public var isPadded: Int32 = 0
  public var weightFlag: Flag? = nil, biasFlag: Flag? = nil
  public init() {}
}

/// y = f(x), element by element. x and y may be the same memory.
public struct MapArguments {
  public var count = 0
  public var alpha = 0.0
  public var function: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public init() {}
}

/// dx (+)= dy ∘ f'(x), computed from y = f(x). dx and dy may be the same memory. If the derivative is
/// computed from x (`Function.derivativeFromOutput`), y holds x.
public struct MapGradientArguments {
  public var count = 0
  public var alpha = 0.0
  public var function: Int32 = 0
  public var accumulate: Int32 = 0
  public var y: Const? = nil, dy: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// y (+)= scale·x. x and y may be the same memory.
public struct ScaleArguments {
  public var count = 0
  public var scale: Double = 1
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public var flag: Flag? = nil
  public init() {}
}

/// y (+)= scale·x, where either may have gaps.
public struct StridedCopyArguments {
  /// At least one, the outermost first; at most `Shape.maximumRank`. a is x, b is y.
  public var axes: UnsafePointer<PairAxis>? = nil
  public var axisCount = 0
  /// Lines along the innermost axis that one thread copies in order, because elements of y are written more
  /// than once among them; otherwise 1.
  public var linesTogether = 1
  /// For copies of integers, which are none of the kernels.
  public var elementBytes = 0
  public var scale: Double = 1
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public var flag: Flag? = nil
  public init() {}
}

/// y (+)= the sum of the rows of x (rows×columns): the gradient of a bias.
public struct ColumnSumArguments {
  public var rows = 0, columns = 0
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public var flag: Flag? = nil
  public init() {}
}

/// Each row of y = softmax of the row of x, or its logarithm, shifted by the row's maximum. x and y may be the
/// same memory.
public struct SoftmaxArguments {
  public var rows = 0, columns = 0
  public var x: Const? = nil, y: Mutable? = nil
  public init() {}
}

/// dx (+)= y ∘ (dy − Σ dy∘y), of the logarithm dx (+)= dy − e^y·Σ dy, row by row.
public struct SoftmaxGradientArguments {
  public var rows = 0, columns = 0
  public var accumulate: Int32 = 0
  public var y: Const? = nil, dy: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// How the targets of a loss are given.
public enum TargetKind: Int32, Sendable {
  /// Rows in the model's float dtype, as wide as the prediction.
  case rows = 0
  /// One class index per row.
  case int32 = 1, int64 = 2, uint8 = 3
}

/// Cross-entropy −Σ t·log(p + epsilon) per row of a prediction given as logits (p = softmax, computed with
/// the shifted log-sum-exp; epsilon is then 0) or as probabilities.
///
/// Returns 1 (and writes `badRow`) if a class index is outside 0..<columns; nothing else is written then.
/// rows = 0 gives a loss of 0.
public struct CrossEntropyArguments {
  public var rows = 0, columns = 0
  public var fromLogits: Int32 = 0
  /// Raw value of `TargetKind`.
  public var targetKind: Int32 = 0
  public var epsilon: Double = 0
  /// The loss is scale·Σ over rows; with `perRow` each row's loss, times scale, is stored.
  public var scale: Double = 1
  public var perRow: Int32 = 0
  public var prediction: Const? = nil, target: Const? = nil
  public var loss: Mutable? = nil
  /// rows×columns: softmax of the logits, kept for the gradient; nil in inference and for probabilities.
  public var probabilities: Mutable? = nil
  public var badRow: UnsafeMutablePointer<Int64>? = nil
  public init() {}
}

/// dx (+)= dloss·scale·∂(cross-entropy)/∂prediction.
///
/// From logits: (p·Σt − t) with the saved p. From probabilities: −t/(p + epsilon). `dloss` is one number, or
/// one per row with `perRow`.
public struct CrossEntropyGradientArguments {
  public var rows = 0, columns = 0
  public var fromLogits: Int32 = 0
  public var targetKind: Int32 = 0
  public var accumulate: Int32 = 0
  public var perRow: Int32 = 0
  public var epsilon: Double = 0
  public var scale: Double = 1
  /// Probabilities: the saved softmax from logits, the prediction itself otherwise.
  public var probabilities: Const? = nil, target: Const? = nil
  public var dloss: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// Rows of targets for a cross-entropy: y = w ∘ ((1 − smoothing)·t + smoothing / columns), t given as rows or
/// as class indices; the row of an ignored class is 0.
///
/// Returns 1 (and writes `badRow`) if a class index is outside 0..<columns and not ignored; nothing else is
/// written then.
public struct ClassTargetsArguments {
  public var rows = 0, columns = 0
  /// Raw value of `TargetKind`.
  public var targetKind: Int32 = 0
  /// Whether rows that are not ignored are multiplied by rows / their number, so that a mean over all rows is
  /// one over them.
  public var isMean: Int32 = 0
  public var smoothing = 0.0
  /// One weight for each class; nil: all are 1. It belongs to the operation.
  public var weights: UnsafePointer<Double>? = nil
  /// Class indices whose rows do not count. They belong to the operation.
  public var ignored: UnsafePointer<Int64>? = nil
  public var ignoredCount = 0
  /// Computed by the kernel: the factor of rows that are not ignored.
  public var factor = 1.0
  public var target: Const? = nil, y: Mutable? = nil
  public var badRow: UnsafeMutablePointer<Int64>? = nil
  public init() {}
}

/// scale·Σ(y − t)² over rows×columns; with `perRow`, per row.
public struct SquaredErrorArguments {
  public var rows = 0, columns = 0
  public var perRow: Int32 = 0
  public var scale: Double = 1
  public var prediction: Const? = nil, target: Const? = nil
  public var loss: Mutable? = nil
  /// Not with `perRow`: receives the gradient dloss·2·scale·(y − t) in the same sweep; nil for none.
  public var dx: Mutable? = nil, dloss: Const? = nil
  /// For dx, as in `ProductArguments`.
  public var isPadded: Int32 = 0
  public init() {}
}

/// dx (+)= dloss·2·scale·(y − t); pass a negative scale for the gradient with respect to the targets.
public struct SquaredErrorGradientArguments {
  public var rows = 0, columns = 0
  public var accumulate: Int32 = 0
  public var perRow: Int32 = 0
  public var scale: Double = 1
  public var prediction: Const? = nil, target: Const? = nil
  public var dloss: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// Stochastic gradient descent with momentum, as in PyTorch: v = momentum·v + (g + weightDecay·w); w −=
/// learningRate·v, or with nesterov w −= learningRate·(g + weightDecay·w + momentum·v). Without momentum
/// `velocity` is nil.
public struct SGDArguments {
  public var count = 0
  public var weights: Mutable? = nil, gradient: Const? = nil, velocity: Mutable? = nil
  public var learningRate = 0.0, momentum = 0.0, weightDecay = 0.0
  public var nesterov: Int32 = 0
  public init() {}
}

/// Adam (Kingma & Ba, 2015): m = β₁m + (1−β₁)g; v = β₂v + (1−β₂)g²;
/// w −= learningRate·(m·correction1)/(√(v·correction2) + epsilon), where correction = 1/(1 − βᵗ).
/// Each of w, m, v is read and written once. `weightDecay`·w is added to g, or, if `decoupled` (AdamW,
/// Loshchilov & Hutter, 2019), learningRate·weightDecay·w is subtracted from w first.
public struct AdamArguments {
  public var count = 0
  public var weights: Mutable? = nil, gradient: Const? = nil, first: Mutable? = nil, second: Mutable? = nil
  public var learningRate = 0.0, beta1 = 0.0, beta2 = 0.0, epsilon = 0.0, weightDecay = 0.0
  public var correction1 = 1.0, correction2 = 1.0
  public var decoupled: Int32 = 0
  public init() {}
}

/// The rules of `Kernel.update`, each a file in DenpaTraining, which has the whole formula.
public enum UpdateRule: Int32, Sendable {
  case amsgrad = 0
  case nadam = 1
  case radam = 2
  case adamax = 3
  case rmsprop = 4
  case adagrad = 5
  case adadelta = 6
  case rprop = 7
  case lion = 8
}

/// w = kept·w − step·change, where the change is computed by the rule from g + weightDecay·w and from what is
/// kept of w: first, second, third, in the order of the optimizer's `state`.
public struct UpdateArguments {
  public var count = 0
  public var weights: Mutable? = nil, gradient: Const? = nil
  public var first: Mutable? = nil, second: Mutable? = nil, third: Mutable? = nil
  /// Raw value of `UpdateRule`.
  public var rule: Int32 = 0
  public var step = 0.0, kept = 1.0, weightDecay = 0.0
  /// The means' shares of what they were; beta2 is that of the squares.
  public var beta1 = 0.0, beta2 = 0.0, epsilon = 0.0
  /// 1/(1 − beta2ᵗ). radam: 0 as long as steps are not divided by the root of the squares.
  public var correction2 = 1.0
  /// nadam: the shares of the mean and of the gradient in the change.
  public var meanShare = 0.0, gradientShare = 0.0
  /// rmsprop: the velocity's share of what it was.
  public var momentum = 0.0
  /// rprop: the factors of steps, and their bounds.
  public var shrinking = 0.0, growing = 0.0, leastStep = 0.0, greatestStep = 0.0
  public init() {}
}

/// Adds Σ x² to `total`.
public struct SumSquaresArguments {
  public var count = 0
  public var x: Const? = nil
  public var total: UnsafeMutablePointer<Double>? = nil
  public init() {}
}

/// x = max(−limit, min(x, limit)), element by element.
public struct ClipArguments {
  public var count = 0
  public var limit = 0.0
  public var x: Mutable? = nil
  public init() {}
}

/// Sets `flag` if any of `count` values is not finite.
public struct FiniteArguments {
  public var count = 0
  public var x: Const? = nil
  public var flag: Flag? = nil
  public init() {}
}
