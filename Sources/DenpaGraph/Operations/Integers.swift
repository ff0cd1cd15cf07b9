import DenpaCore
import DenpaKernelTypes

/// y = x in another integer dtype. If `classes` is given, x is checked to hold class numbers below it.
struct IntegersOperation: Operation {
  var classes: Int?

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double { 0 }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = IntegerArguments()
    arguments.count = lowering.sizes.count(y)
    arguments.from = lowering.sizes.type(op.reads[0]).dtype
    arguments.to = lowering.sizes.type(y).dtype
    arguments.classes = classes.map { Int64($0) } ?? -1
    arguments.badRow = lowering.badRow
    try lowering.emit(integerStep, arguments, [(\IntegerArguments.x, op.reads[0]), (\IntegerArguments.y, y)])
  }

  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    let expected: Message =
      classes.map { "class numbers from 0 to \($0 - 1)" }
      ?? "numbers of \(op.writes[0].map { context.type($0.tensor).dtype } ?? .int64), which it was proved with"
    return DenpaError(
      .badArgument, "\(context.node): expected \(expected), got \(context.badNumber(op.reads[0]))")
  }
}

private struct IntegerArguments {
  var count = 0
  var from = DType.int64
  var to = DType.int64
  /// The number of classes; −1 if x does not hold class numbers.
  var classes: Int64 = -1
  var x: UnsafeRawPointer?
  var y: UnsafeMutableRawPointer?
  /// Receives the index of the first number that does not fit.
  var badRow: UnsafeMutablePointer<Int64>?
}

/// Converts integers to another dtype. Returns 1 if a number is not a class number or does not fit into the
/// dtype.
private let integerStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: IntegerArguments.self).pointee
  guard let x = a.x, let y = a.y else { return 0 }
  let lowest = a.classes < 0 ? a.to.smallestInteger : 0
  let highest = a.classes < 0 ? a.to.largestInteger : a.classes - 1
  for index in 0..<a.count {
    let value = a.from.integer(x, index)
    guard value >= lowest, value <= highest else {
      a.badRow?.pointee = Int64(index)
      return 1
    }
    a.to.store(integer: value, y, index)
  }
  return 0
}
