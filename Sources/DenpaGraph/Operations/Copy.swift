import DenpaCore
import DenpaKernelTypes

/// y = x, element by element, whatever the shapes. Where y is the plan's own, a pass makes it another name of
/// x.
struct CopyOperation: Operation {
  func adds(to destination: Int) -> Bool { true }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let y = destination.tensor, type = lowering.sizes.type(y)
    guard type.dtype.isFloat else {
      return try lowering.emit(
        copyStep, CopyArguments(byteCount: type.byteCount),
        [(\CopyArguments.x, op.reads[0]), (\CopyArguments.y, y)])
    }
    var arguments = ScaleArguments()
    arguments.count = type.shape.count
    arguments.flag = lowering.flag(destination)
    try lowering.emit(
      lowering.sizes.kernels[.scale], arguments, [(\ScaleArguments.x, op.reads[0]), (\ScaleArguments.y, y)],
      accumulate: (\ScaleArguments.accumulate, destination))
  }
}

extension Recipe {
  /// y = x, element by element, whatever the shapes.
  public func copy(_ x: Tensor, into y: Tensor) { emit(CopyOperation(), [x], y) }
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
