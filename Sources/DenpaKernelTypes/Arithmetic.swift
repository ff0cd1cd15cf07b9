// The arguments of arithmetic with broadcasting, of sums over axes, and of what draws or gathers.

/// Functions of two numbers.
public enum BinaryFunction: Int32, Sendable, CaseIterable {
  case add = 0
  case subtract = 1
  case multiply = 2
  case divide = 3
  case minimum = 4
  case maximum = 5
  case power = 6
}

/// One axis of two tensors that are walked through together: its extent, and the elements from one index to
/// the next in each of them, 0 if the tensor is repeated along the axis.
public struct PairAxis {
  public var extent: Int, a: Int, b: Int

  public init(extent: Int = 1, a: Int = 1, b: Int = 1) {
    self.extent = extent
    self.a = a
    self.b = b
  }
}

/// y = f(a, b), element by element; y has no gaps.
public struct BinaryArguments {
  /// At least one, the outermost first; at most `Shape.maximumRank`.
  public var axes: UnsafePointer<PairAxis>? = nil
  public var axisCount = 0
  /// The elements of y.
  public var count = 0
  /// Raw value of `BinaryFunction`.
  public var function: Int32 = 0
  public var a: Const? = nil, b: Const? = nil, y: Mutable? = nil
  public init() {}
}

/// dx (+)= dy · ∂f/∂a or dy · ∂f/∂b at (a, b), element by element; dy and dx have y's shape and no gaps.
public struct BinaryGradientArguments {
  public var axes: UnsafePointer<PairAxis>? = nil
  public var axisCount = 0
  public var count = 0
  public var function: Int32 = 0
  /// 0: with respect to a; 1: to b.
  public var operand: Int32 = 0
  public var accumulate: Int32 = 0
  public var a: Const? = nil, b: Const? = nil, dy: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// One loop over a tensor: its extent, and the elements from one index to the next.
public struct SingleAxis {
  public var extent: Int, stride: Int

  public init(extent: Int = 1, stride: Int = 1) {
    self.extent = extent
    self.stride = stride
  }
}

/// y (+)= scale · Σ x over some axes, or y = max x; y has the other axes and no gaps.
public struct ReductionArguments {
  /// Those that y has, and those that are reduced; the outermost first, at least one of each.
  public var kept: UnsafePointer<SingleAxis>? = nil, reduced: UnsafePointer<SingleAxis>? = nil
  public var keptCount = 0, reducedCount = 0
  /// The elements of y, and the elements of x that each of them is computed from.
  public var count = 0, terms = 0
  /// Of a sum.
  public var scale = 1.0
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public var flag: Flag? = nil
  public init() {}
}

/// dx (+)= dy where x is the maximum y, divided evenly among equal ones, else 0; dx has x's axes.
public struct MaxGradientArguments {
  public var kept: UnsafePointer<SingleAxis>? = nil, reduced: UnsafePointer<SingleAxis>? = nil
  public var keptCount = 0, reducedCount = 0
  public var count = 0, terms = 0
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Const? = nil, dy: Const? = nil, dx: Mutable? = nil
  public init() {}
}

/// y (+)= x·m while training, y (+)= x otherwise: m is 1/(1 − rate) with a probability of 1 − rate, else 0,
/// and the same for the same seed, node, forward and element.
///
/// Element 32·b + 8·w + l takes word w of Philox4x32-10 at counter 8·b + l.
public struct DropoutArguments {
  public var count = 0
  /// An element is dropped if its random word is below.
  public var threshold: UInt32 = 0
  public var scale = 1.0
  public var key: (UInt32, UInt32) = (0, 0)
  /// Which forward, and whether it trains; the kernel copies both from the run.
  public var draw: UInt64 = 0
  public var training: Int32 = 0
  public var accumulate: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public init() {}
}

/// y = x + deviation·n while training, y = x otherwise; n is a standard normal number, the same for the same
/// seed, node, forward and element.
///
/// Of each block of 32 elements, elements l and l + 16, with l = 8·h + i below 16, have √(−2·log u)·cos 2πv and
/// √(−2·log u)·sin 2πv (Box and Muller, 1958), where u = (a + 1)/2²⁴, v = b/2²⁴, and a and b are the upper 24
/// bits of words h and h + 2 of Philox4x32-10 at counter 8·block + i. So |n| < 5.8, and both are exact in
/// float32.
public struct GaussianNoiseArguments {
  public var count = 0
  public var deviation = 0.0
  public var key: (UInt32, UInt32) = (0, 0)
  /// Which forward, and whether it trains; the kernel copies both from the run.
  public var draw: UInt64 = 0
  public var training: Int32 = 0
  public var x: Const? = nil, y: Mutable? = nil
  public init() {}
}

/// y (+)= 0; then row indices[i] of y += row i of x, in the order of i: the gradient of a table of rows.
/// Indices that y does not have are skipped.
public struct AddRowsArguments {
  /// The rows of x, the rows of y, and the elements of each.
  public var count = 0, rows = 0, columns = 0
  /// Raw value of `TargetKind`: the integer type of the indices.
  public var indexKind: Int32 = 0
  public var accumulate: Int32 = 0
  public var indices: Const? = nil, x: Const? = nil, y: Mutable? = nil
  public var flag: Flag? = nil
  public init() {}
}
