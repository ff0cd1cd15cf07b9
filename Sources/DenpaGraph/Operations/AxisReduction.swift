import DenpaCore
import DenpaKernelTypes

/// y = the sum of x over some axes, or their mean. y has the other axes, in their order.
struct SumOperation: Operation {
  /// The axes that are summed.
  var axes: [Int]
  var isMean: Bool

  func adds(to destination: Int) -> Bool { true }
  func readsViews(_ read: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = try lowering.reduction(of: op.reads[0], over: axes)
    arguments.scale = isMean ? 1 / Double(max(arguments.terms, 1)) : 1
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.sumAxes], arguments,
      [(\ReductionArguments.x, op.reads[0]), (\ReductionArguments.y, destination.tensor)],
      accumulate: (\ReductionArguments.accumulate, destination))
  }
}

/// y = the largest element of x over some axes.
struct MaxOperation: Operation {
  var axes: [Int]

  func readsViews(_ read: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    let arguments = try lowering.reduction(of: op.reads[0], over: axes)
    try lowering.emit(
      lowering.sizes.kernels[.maxAxes], arguments,
      [(\ReductionArguments.x, op.reads[0]), (\ReductionArguments.y, y)])
  }
}

/// dx = dy where x is the maximum y, divided evenly among equal maxima, otherwise 0. Reads x, y and dy.
struct MaxGradientOperation: Operation {
  var axes: [Int]

  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = MaxGradientArguments()
    let forward = try lowering.reduction(of: op.reads[0], over: axes)
    (arguments.count, arguments.terms) = (forward.count, forward.terms)
    (arguments.kept, arguments.keptCount) = (forward.kept, forward.keptCount)
    (arguments.reduced, arguments.reducedCount) = (forward.reduced, forward.reducedCount)
    try lowering.emit(
      lowering.sizes.kernels[.maxAxesGradient], arguments,
      [
        (\MaxGradientArguments.x, op.reads[0]), (\MaxGradientArguments.y, op.reads[1]),
        (\MaxGradientArguments.dy, op.reads[2]), (\MaxGradientArguments.dx, destination.tensor),
      ], accumulate: (\MaxGradientArguments.accumulate, destination))
  }
}

extension Lowering {
  /// Returns the arguments of a reduction of x over some axes: the loops over the axes that remain, and over
  /// those that are reduced.
  fileprivate mutating func reduction(of x: TensorID, over axes: [Int]) throws(DenpaError)
    -> ReductionArguments
  {
    let layout = layout(x)
    let others = layout.extents.indices.filter { !axes.contains($0) }
    func loops(_ axes: [Int]) -> Loops {
      Loops(axes.map { layout.extents[$0] }, [axes.map { layout.strides[$0] }])
    }
    var arguments = ReductionArguments()
    arguments.count = others.reduce(1) { $0 * layout.extents[$1] }
    arguments.terms = axes.reduce(1) { $0 * layout.extents[$1] }
    (arguments.kept, arguments.keptCount) = try reserve(single: loops(others))
    (arguments.reduced, arguments.reducedCount) = try reserve(single: loops(axes))
    return arguments
  }
}

extension Recipe {
  /// y = the sum of x over `axes`, which are in ascending order; y has the other axes.
  public func sum(_ x: Tensor, over axes: [Int], into y: Tensor) {
    // The kernel for sums of columns divides the terms of a long sum into blocks.
    if axes.count + 1 == shape(x).rank, axes == Array(axes.indices) { return sumRows(x, into: y) }
    emit(SumOperation(axes: axes, isMean: false), [x], y)
  }
  /// y = the mean of x over `axes`.
  public func mean(_ x: Tensor, over axes: [Int], into y: Tensor) {
    emit(SumOperation(axes: axes, isMean: true), [x], y)
  }
  /// y = the maximum of x over `axes`.
  public func max(_ x: Tensor, over axes: [Int], into y: Tensor) { emit(MaxOperation(axes: axes), [x], y) }
  /// dx, computed from x, y = max(x) over `axes` and dy.
  public func maxGradient(_ x: Tensor, over axes: [Int], at y: Tensor, _ dy: Tensor, into dx: Tensor) {
    emit(MaxGradientOperation(axes: axes), [x, y, dy], dx)
  }
}
