import CDenpa
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaPlugins

/// Copies a caller's struct of options after checking its size. Fields of later versions must be 0. If the
/// struct is that of a former version, whose size is in `former`, fields added since have their defaults.
func options<T>(
  _ pointer: UnsafePointer<T>?, default defaults: T, _ name: StaticString,
  former: [Int] = []
) throws(DenpaError) -> T {
  guard let pointer else { return defaults }
  let size = try checkStruct(pointer, MemoryLayout<T>.size, former, name)
  guard size < MemoryLayout<T>.size else { return pointer.pointee }
  var result = defaults
  withUnsafeMutablePointer(to: &result) {
    UnsafeMutableRawPointer($0).copyMemory(from: pointer, byteCount: size)
  }
  return result
}

/// Not generic, so that it is compiled only once.
@inline(never)
private func checkStruct(
  _ pointer: UnsafeRawPointer, _ known: Int, _ former: [Int], _ name: StaticString
) throws(DenpaError) -> Int {
  let size = try structSize(pointer, known, former: former, name)
  guard StructTail.isZero(pointer, from: known, to: size) else {
    throw DenpaError(
      .badArgument,
      "\(name) has something that is not 0 behind its \(known) bytes: this version does not know what it means"
    )
  }
  return size
}

/// Returns the size that a struct declares; throws if it is invalid.
func structSize(
  _ pointer: UnsafeRawPointer, _ known: Int, former: [Int] = [], _ name: StaticString
) throws(DenpaError) -> Int {
  let size = pointer.load(as: Int.self)
  guard size >= known || former.contains(size), size <= StructTail.absurd else {
    throw DenpaError(
      .badArgument, "\(name).struct_size is \(size): set it to sizeof(\(name)), \(known) in this version")
  }
  return size
}

func requireZero(_ isZero: Bool, _ name: StaticString) throws(DenpaError) {
  guard isZero else { throw DenpaError(.badArgument, "the reserved fields of \(name) must be 0") }
}

/// Writes text for the caller by denpa.h's rule: capacity 0 requests the length.
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

/// Reports the length, and throws if there is no room.
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

/// Returns a caller's thread count; 0 means the default.
func threads(_ given: Int32) throws(DenpaError) -> Int32 {
  guard (0...64).contains(given) else {
    throw DenpaError(.badArgument, "threads is 0 (default) to 64, got \(given)")
  }
  return given == 0 ? Library.threadCount : given
}

/// Returns the largest batch; 0 means 1.
func maximumRows(_ given: Int64) throws(DenpaError) -> Int {
  guard given >= 0, given <= Int64(Int32.max) else {
    throw DenpaError(.badArgument, "max_batch is 1 to 2147483647 (0: 1), got \(given)")
  }
  return max(Int(given), 1)
}

/// Returns a caller's path, of at most as many bytes as any system accepts.
func filePath(_ path: UnsafePointer<CChar>?, _ what: Message) throws(DenpaError) -> FilePath {
  FilePath(try CText.bytes(path, limit: 4096, what))
}

func requireName(_ name: UnsafePointer<CChar>?, _ what: Message) throws(DenpaError) -> String {
  guard name != nil else { throw DenpaError(.badArgument, "\(what) is NULL") }
  return try CText.read(name, limit: CText.nameLimit, what)
}
