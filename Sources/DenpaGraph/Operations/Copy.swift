import DenpaCore
import DenpaKernelTypes

/// y = x, element by element in row-major order. Where y is the plan's own and nothing forbids it, a pass
/// makes it another name of x. One of the two may be a view with gaps, both if their shapes are equal.
struct CopyOperation: Operation {
  func adds(to destination: Int) -> Bool { true }
  func readsViews(_ read: Int) -> Bool { true }
  func writesViews(_ destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let x = op.reads[0], y = destination.tensor
    let (source, target) = (lowering.layout(x), lowering.layout(y))
    let type = lowering.sizes.type(y)
    guard source.isContiguous, target.isContiguous else {
      return try lowerStrided(x, destination, try Strided(source, target), &lowering)
    }
    guard type.dtype.isFloat else {
      return try lowering.emit(
        copyStep, CopyArguments(byteCount: type.byteCount), [(\CopyArguments.x, x), (\CopyArguments.y, y)])
    }
    var arguments = ScaleArguments()
    arguments.count = type.shape.count
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.scale], arguments, [(\ScaleArguments.x, x), (\ScaleArguments.y, y)],
      accumulate: (\ScaleArguments.accumulate, destination))
  }

  private func lowerStrided(
    _ x: TensorID, _ destination: Destination, _ copy: Strided, _ lowering: inout Lowering
  ) throws(DenpaError) {
    let dtype = lowering.sizes.type(x).dtype
    let axes = try lowering.reserve(CopyAxis(), count: copy.axes.count)
    axes.update(from: copy.axes, count: copy.axes.count)
    var arguments = StridedCopyArguments()
    arguments.axes = UnsafePointer(axes)
    arguments.axisCount = copy.axes.count
    arguments.elementBytes = dtype.size
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      dtype.isFloat ? lowering.sizes.kernels[.stridedCopy] : stridedCopyStep, arguments,
      [(\StridedCopyArguments.x, x), (\StridedCopyArguments.y, destination.tensor)],
      accumulate: (\StridedCopyArguments.accumulate, destination))
  }
}

extension Recipe {
  /// y = x, element by element, whatever the shapes.
  public func copy(_ x: Tensor, into y: Tensor) { emit(CopyOperation(), [x], y) }
}

/// The loops of a copy: as few axes as possible, at least one.
private struct Strided {
  private(set) var axes: [CopyAxis] = []

  init(_ source: Layout, _ target: Layout) throws(DenpaError) {
    // Axes of one index do not count. A tensor without gaps takes the other one's axes, since the order of
    // the elements is the same.
    let (from, to) = (source.squeezed, target.squeezed)
    let shape = from.isContiguous ? to.extents : from.extents
    let (x, y) = (
      from.isContiguous ? Layout(shape).strides : from.strides,
      to.isContiguous ? Layout(shape).strides : to.strides
    )
    guard x.count == y.count, from.isContiguous || to.isContiguous || from.extents == to.extents else {
      throw DenpaError(.internalError, "a copy between views with gaps and different shapes")
    }
    for axis in shape.indices {
      let next = CopyAxis(extent: shape[axis], source: x[axis], destination: y[axis])
      if let last = axes.last, last.source == next.extent * next.source,
        last.destination == next.extent * next.destination
      {
        axes[axes.count - 1].extent *= next.extent
        axes[axes.count - 1].source = next.source
        axes[axes.count - 1].destination = next.destination
      } else {
        axes.append(next)
      }
    }
    if axes.isEmpty { axes = [CopyAxis(extent: 1, source: 1, destination: 1)] }
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
      let from = source + index * axes[axis].source, to = destination + index * axes[axis].destination
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
