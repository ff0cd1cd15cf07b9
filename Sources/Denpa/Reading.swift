import CDenpa
import DenpaCore
import DenpaGraph
import DenpaPlugins

/// A tensor of the caller's. The common kinds are read without a detour: this is part of every training step.
/// `strided`: it need not be contiguous.
@inline(__always)
func view(
  _ tensor: UnsafePointer<denpa_tensor>, _ what: StaticString, _ index: Int, strided: Bool = false
) throws(DenpaError) -> TensorView {
  let t = tensor.pointee
  if let dtype = DType(rawValue: t.dtype), t.rank >= 1, t.rank <= 2, t.stride.0 == 0, t.stride.1 == 0,
    t.dim.0 >= 0, t.dim.0 < 1 << 31, t.rank == 1 || (t.dim.1 >= 0 && t.dim.1 < 1 << 15)
  {
    var shape = Shape()
    shape.append(Int(t.dim.0))
    if t.rank == 2 { shape.append(Int(t.dim.1)) }
    return TensorView(t.data, TensorType(dtype, shape))
  }
  let type = try TensorReader.type(t, strided: strided, "\(what) \(index)")
  return TensorView(
    t.data, type, strides: strided ? try TensorReader.strides(tensor, type.shape, "\(what) \(index)") : nil)
}

/// A struct of options that the caller made: checked for its size, then copied. What a later version has
/// behind it must be 0.
func options<T>(
  _ pointer: UnsafePointer<T>?, default defaults: T, _ name: StaticString
) throws(DenpaError) -> T {
  guard let pointer else { return defaults }
  try checkStruct(pointer, MemoryLayout<T>.size, name)
  return pointer.pointee
}

/// Not generic, so that it is there once.
@inline(never)
private func checkStruct(_ pointer: UnsafeRawPointer, _ known: Int, _ name: StaticString) throws(DenpaError) {
  let size = try structSize(pointer, known, name)
  guard StructTail.isZero(pointer, from: known, to: size) else {
    throw DenpaError(
      .badArgument,
      "\(name) has something that is not 0 behind its \(known) bytes: this version does not know what it means"
    )
  }
}

/// The size that a struct says it has, where it can have it.
func structSize(_ pointer: UnsafeRawPointer, _ known: Int, _ name: StaticString) throws(DenpaError) -> Int {
  let size = pointer.load(as: Int.self)
  guard size >= known, size <= StructTail.absurd else {
    throw DenpaError(
      .badArgument, "\(name).struct_size is \(size): set it to sizeof(\(name)), \(known) in this version")
  }
  return size
}

func requireZero(_ isZero: Bool, _ name: StaticString) throws(DenpaError) {
  guard isZero else { throw DenpaError(.badArgument, "the reserved fields of \(name) must be 0") }
}

/// Text for the caller, by the rule in denpa.h: capacity 0 asks for the length.
func write(
  text bytes: [UInt8], _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>?
) throws(DenpaError) {
  try checkRoom(bytes.count + 1, buffer, capacity, length, reported: bytes.count)
  guard let buffer, capacity > 0 else { return }
  bytes.withUnsafeBytes {
    UnsafeMutableRawPointer(buffer).copyMemory(from: $0.baseAddress ?? .init(buffer), byteCount: bytes.count)
  }
  buffer[bytes.count] = 0
}

/// Reports the length, and says whether there is room.
func checkRoom(
  _ needed: Int, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>?,
  reported: Int
) throws(DenpaError) {
  guard capacity >= 0 else { throw DenpaError(.badArgument, "the capacity is \(capacity)") }
  guard capacity > 0 || length != nil else {
    throw DenpaError(.badArgument, "capacity 0 asks for the length, but the place for it is NULL")
  }
  guard capacity == 0 || buffer != nil else { throw DenpaError(.badArgument, "the buffer is NULL") }
  length?.pointee = Int64(reported)
  guard capacity == 0 || capacity >= needed else {
    throw DenpaError(.limitExceeded, "the buffer has room for \(capacity) bytes; \(needed) are needed")
  }
}

/// A thread count of the caller's: 0 means the default.
func threads(_ given: Int32) throws(DenpaError) -> Int32 {
  guard (0...64).contains(given) else {
    throw DenpaError(.badArgument, "threads is 0 (default) to 64, got \(given)")
  }
  return given == 0 ? Library.threadCount : given
}

/// The largest batch: 0 means 1.
func maximumRows(_ given: Int64) throws(DenpaError) -> Int {
  guard given >= 0, given <= Int64(Int32.max) else {
    throw DenpaError(.badArgument, "max_batch is 1 to 2147483647 (0: 1), got \(given)")
  }
  return max(Int(given), 1)
}

func requireName(_ name: UnsafePointer<CChar>?, _ what: Message) throws(DenpaError) -> String {
  guard name != nil else { throw DenpaError(.badArgument, "\(what) is NULL") }
  return try CText.read(name, limit: CText.nameLimit, what)
}
