import DenpaCore
import DenpaKernelTypes

/// What a copy multiplies by.
enum Factor: Sendable, Equatable {
  case constant(Double)
  /// Times n / (n − 1), where n is the elements of `samples` for each element of the destination: Bessel's
  /// correction of a variance.
  case unbiased(Double, samples: TensorID)
  /// 1 minus the momentum of a running value; 1 if `samples` has no elements, which change nothing.
  case rest(Double, samples: TensorID)

  func value(_ sizes: Sizes, _ destination: TensorID) -> Double {
    switch self {
    case .constant(let factor): return factor
    case .unbiased(let factor, let samples):
      let count = sizes.count(samples) / max(sizes.count(destination), 1)
      return count > 1 ? factor * Double(count) / Double(count - 1) : factor
    case .rest(let momentum, let samples): return sizes.count(samples) > 0 ? 1 - momentum : 1
    }
  }
}

/// y = factor·x, element by element in row-major order; integers as they are. Where the factor is 1, y is the
/// plan's own and nothing forbids it, a pass makes it another name of x. One of the two may be a view with
/// gaps, both if their shapes are equal.
struct CopyOperation: Operation {
  var factor = Factor.constant(1)

  /// Whether y is x.
  var isPlain: Bool { factor == .constant(1) }

  func adds(to destination: Int) -> Bool { true }
  func readsViews(_ read: Int) -> Bool { true }
  func writesViews(_ destination: Int, _ layout: Layout) -> Bool { true }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double {
    guard let destination = op.writes[0] else { return 0 }
    let each = (isPlain ? 0.0 : 1) + (destination.mode == .overwrite ? 0 : 1)
    return each * Double(sizes.count(op.reads[0]))
  }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let x = op.reads[0], y = destination.tensor
    let (source, target) = (lowering.layout(x), lowering.layout(y))
    let type = lowering.sizes.type(y)
    guard source.isContiguous, target.isContiguous else {
      return try lowerStrided(x, destination, source, target, &lowering)
    }
    guard type.dtype.isFloat else {
      return try lowering.emit(
        copyStep, CopyArguments(byteCount: type.byteCount), [(\CopyArguments.x, x), (\CopyArguments.y, y)])
    }
    var arguments = ScaleArguments()
    arguments.count = type.shape.count
    arguments.scale = factor.value(lowering.sizes, y)
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.scale], arguments, [(\ScaleArguments.x, x), (\ScaleArguments.y, y)],
      accumulate: (\ScaleArguments.accumulate, destination))
  }

  private func lowerStrided(
    _ x: TensorID, _ destination: Destination, _ source: Layout, _ target: Layout,
    _ lowering: inout Lowering
  ) throws(DenpaError) {
    let dtype = lowering.sizes.type(x).dtype
    let loops = try CopyOperation.loops(source, target)
    var arguments = StridedCopyArguments()
    (arguments.axes, arguments.axisCount) = try lowering.reserve(pairs: loops)
    if target.overlaps {
      // The lines of an image, whose windows overlap. The loops begin with the images if there are several.
      let lines = lowering.sizes.rows > 1 ? loops.extents.dropFirst() : loops.extents[...]
      arguments.linesTogether = max(lines.dropLast().reduce(1, *), 1)
    }
    arguments.elementBytes = dtype.size
    arguments.scale = factor.value(lowering.sizes, destination.tensor)
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      dtype.isFloat ? lowering.sizes.kernels[.stridedCopy] : stridedCopyStep, arguments,
      [(\StridedCopyArguments.x, x), (\StridedCopyArguments.y, destination.tensor)],
      accumulate: (\StridedCopyArguments.accumulate, destination))
  }

  /// A tensor without gaps takes the other one's axes, since the order of the elements is the same.
  private static func loops(_ source: Layout, _ target: Layout) throws(DenpaError) -> Loops {
    let (from, to) = (source.squeezed, target.squeezed)
    guard from.isContiguous || to.isContiguous || from.extents == to.extents else {
      throw DenpaError(.internalError, "a copy between views with gaps and different shapes")
    }
    let extents = from.isContiguous ? to.extents : from.extents
    let x = from.isContiguous ? Layout(extents).strides : from.strides
    let y = to.isContiguous ? Layout(extents).strides : to.strides
    return Loops(extents, [x, y])
  }
}

extension Recipe {
  /// y = factor·x, element by element, whatever the shapes.
  public func copy(_ x: Tensor, times factor: Double = 1, into y: Tensor) {
    emit(CopyOperation(factor: .constant(factor)), [x], y)
  }

  /// y = factor·n/(n − 1)·x, where n is the elements of `samples` for each element of y.
  public func copy(_ x: Tensor, times factor: Double, unbiasedFor samples: Tensor, into y: Tensor) {
    emit(CopyOperation(factor: .unbiased(factor, samples: samples.id)), [x], y)
  }

  /// y = (1 − momentum)·x, or x if there are no samples.
  public func copy(_ x: Tensor, without momentum: Double, samples: Tensor, into y: Tensor) {
    emit(CopyOperation(factor: .rest(momentum, samples: samples.id)), [x], y)
  }
}

private struct CopyArguments {
  var byteCount: Int
  var x: UnsafeRawPointer?
  var y: UnsafeMutableRawPointer?

  init(byteCount: Int) { self.byteCount = byteCount }
}

/// Integers, as they are.
private let copyStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: CopyArguments.self)
  if let x = a.pointee.x { a.pointee.y?.copyMemory(from: x, byteCount: a.pointee.byteCount) }
  return 0
}

/// Integers of views.
private let stridedCopyStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: StridedCopyArguments.self).pointee
  guard let axes = a.axes, let x = a.x, let y = a.y else { return 0 }
  func copy(_ axis: Int, _ source: Int, _ destination: Int) {
    for index in 0..<axes[axis].extent {
      let from = source + index * axes[axis].a, to = destination + index * axes[axis].b
      if axis + 1 < a.axisCount {
        copy(axis + 1, from, to)
      } else {
        (y + to * a.elementBytes).copyMemory(from: x + from * a.elementBytes, byteCount: a.elementBytes)
      }
    }
  }
  copy(0, 0, 0)
  return 0
}
