import DenpaCore
import DenpaKernelTypes

/// y = 0: the gradient with respect to a value on which nothing depends.
struct ZeroOperation: Operation {
  func adds(to destination: Int) -> Bool { true }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 0 }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    let arguments = ZeroArguments(byteCount: lowering.sizes.type(destination.tensor).byteCount)
    try lowering.emit(
      zeroStep, arguments, [(\ZeroArguments.y, destination.tensor)],
      accumulate: (\ZeroArguments.accumulate, destination))
  }
}

private struct ZeroArguments {
  var byteCount: Int
  var accumulate: Int32 = 0
  var y: UnsafeMutableRawPointer?

  init(byteCount: Int) { self.byteCount = byteCount }
}

/// Writes zeros, or nothing if y is to be added to.
private let zeroStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: ZeroArguments.self)
  if a.pointee.accumulate == 0 {
    a.pointee.y?.initializeMemory(as: UInt8.self, repeating: 0, count: a.pointee.byteCount)
  }
  return 0
}
