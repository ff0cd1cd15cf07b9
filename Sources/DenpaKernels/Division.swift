import CShim
import DenpaKernelTypes

typealias RunPointer = UnsafeMutableRawPointer

extension UnsafeMutableRawPointer {
  /// The number of workers that may take part in the `Run` that this points to.
  @inline(__always) var threads: Int32 { assumingMemoryBound(to: Run.self).pointee.threads }

  /// Divides work among the threads of the `Run` that this points to.
  @inline(__always)
  func parallel(_ count: Int, _ body: ChunkBody, _ context: UnsafeMutableRawPointer) {
    assumingMemoryBound(to: Run.self).pointee.parallel(self, Int32(count), body, context)
  }
}

/// A kernel whose items (elements, rows, columns) are independent, so that any thread can process any range.
protocol RangeKernel {
  associatedtype Arguments
  static func items(_ arguments: Arguments) -> Int
  /// Returns the items in one chunk. A function of the sizes alone: chunks determine the order of summation.
  static func chunk(_ arguments: Arguments) -> Int
  static func run(_ arguments: UnsafePointer<Arguments>, _ lower: Int, _ upper: Int)
  /// Whether it is compiled once, as a function that is called, instead of twice.
  static var isLarge: Bool { get }
}

extension RangeKernel {
  @inline(__always) static var isLarge: Bool { false }

  @inline(__always)
  fileprivate static func process(_ arguments: UnsafePointer<Arguments>, _ lower: Int, _ upper: Int) {
    if isLarge { call(Self.self, arguments, lower, upper) } else { run(arguments, lower, upper) }
  }
}

@inline(never)
private func call<K: RangeKernel>(
  _: K.Type, _ arguments: UnsafePointer<K.Arguments>, _ lower: Int, _ upper: Int
) { K.run(arguments, lower, upper) }

/// What the chunks of a `RangeKernel` share; on the caller's stack.
struct RangeContext {
  var arguments: UnsafeRawPointer
  var count: Int
  var chunk: Int
}

/// Runs a kernel over all its items, in this thread if they make one chunk.
///
/// `body` is `{ runChunk(K.self, $0, $1) }`: C functions cannot be formed here, because K is generic.
@inline(__always)
func divide<K: RangeKernel>(
  _: K.Type, _ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody
) -> Int32 {
  let typed = arguments.assumingMemoryBound(to: K.Arguments.self)
  let count = K.items(typed.pointee)
  if count <= 0 { return 0 }
  let chunk = K.chunk(typed.pointee)
  if count <= chunk {
    K.process(typed, 0, count)
  } else {
    var context = RangeContext(arguments: arguments, count: count, chunk: chunk)
    run.parallel((count - 1) / chunk + 1, body, &context)
  }
  return 0
}

@inline(__always)
func runChunk<K: RangeKernel>(_: K.Type, _ context: UnsafeMutableRawPointer, _ chunk: Int32) {
  let shared = context.assumingMemoryBound(to: RangeContext.self).pointee
  let lower = Int(chunk) &* shared.chunk
  let upper = Swift.min(lower &+ shared.chunk, shared.count)
  K.process(shared.arguments.assumingMemoryBound(to: K.Arguments.self), lower, upper)
}

/// The elements in a chunk of an element-wise kernel: 16 Ki take 5–20 µs, well above the cost of handing them
/// over.
@inline(__always) var elementChunk: Int { 16_384 }

/// Returns the rows in a chunk of a row-by-row kernel.
@inline(__always) func rowChunk(_ rows: Int, _ columns: Int) -> Int {
  Swift.max(1, elementChunk / Swift.max(columns, 1))
}

extension Optional where Wrapped == UnsafeRawPointer {
  /// Call it only if the pointer is known not to be nil.
  @inline(__always) func of<T>(_: T.Type) -> UnsafePointer<T> {
    unsafelyUnwrapped.assumingMemoryBound(to: T.self)
  }
}

extension Optional where Wrapped == UnsafeMutableRawPointer {
  @inline(__always) func of<T>(_: T.Type) -> UnsafeMutablePointer<T> {
    unsafelyUnwrapped.assumingMemoryBound(to: T.self)
  }
}

/// Sets `flag` if `bad`, a sum of each value times 0, became NaN.
@inline(__always)
func report<V: Vector>(_ bad: V, _ flag: Flag?) {
  if let flag, bad.hasNaN { denpa_raise(flag) }
}
