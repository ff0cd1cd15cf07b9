import DenpaCore
import DenpaKernelTypes

// Steps that need no vectors.

struct CopyArguments {
  var byteCount: Int
  var x: UnsafeRawPointer?
  var y: UnsafeMutableRawPointer?

  init(byteCount: Int) { self.byteCount = byteCount }
}

/// Integers, as they are.
let copyStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: CopyArguments.self)
  if let x = a.pointee.x { a.pointee.y?.copyMemory(from: x, byteCount: a.pointee.byteCount) }
  return 0
}

struct ZeroArguments {
  var byteCount: Int
  var accumulate: Int32 = 0
  var y: UnsafeMutableRawPointer?

  init(byteCount: Int) { self.byteCount = byteCount }
}

/// Zeros, or nothing where something is to be added to.
let zeroStep: Step = { arguments, _ in
  let a = arguments.assumingMemoryBound(to: ZeroArguments.self)
  if a.pointee.accumulate == 0 {
    a.pointee.y?.initializeMemory(as: UInt8.self, repeating: 0, count: a.pointee.byteCount)
  }
  return 0
}

struct IntegerArguments {
  var count = 0
  var from = DType.int64
  var to = DType.int64
  /// −1: the numbers are no classes.
  var classes: Int64 = -1
  var x: UnsafeRawPointer?
  var y: UnsafeMutableRawPointer?
  /// Gets the index of the first number that does not fit.
  var badRow: UnsafeMutablePointer<Int64>?
}

/// Integers in another dtype. Returns 1 where a number is no class number or does not fit into the dtype.
let integerStep: Step = { arguments, _ in
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
