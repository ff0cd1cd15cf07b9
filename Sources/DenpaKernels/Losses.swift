import DenpaKernelTypes

/// A kernel that sums a loss over independent items.
protocol LossKernel {
  associatedtype Arguments
  associatedtype V: Vector
  static func items(_ arguments: Arguments) -> Int
  /// The number of elements in one item.
  static func width(_ arguments: Arguments) -> Int
  /// Returns the unscaled loss of a range, or 0 if it stored each row's own loss.
  static func run(_ arguments: UnsafePointer<Arguments>, _ lower: Int, _ upper: Int) -> Double
}

/// The partial sums of at most `maximum` chunks, in the order of the chunks. The `SIMD64` serves as an array
/// on the stack.
struct LossContext {
  var range: RangeContext
  var partial = SIMD64<Double>()
  @inline(__always) static var maximum: Int { 64 }
}

@inline(__always)
func addUp<K: LossKernel>(
  _: K.Type, _ arguments: UnsafePointer<K.Arguments>, _ run: RunPointer, _ body: ChunkBody
) -> Double {
  let count = K.items(arguments.pointee)
  if count <= 0 { return 0 }
  let chunk = lossChunk(K.self, arguments.pointee, count)
  if count <= chunk { return K.run(arguments, 0, count) }
  var context = LossContext(range: RangeContext(arguments: arguments, count: count, chunk: chunk))
  let chunks = (count &- 1) / chunk &+ 1
  return withUnsafeMutablePointer(to: &context) { context in
    run.parallel(chunks, body, context)
    let partial = partials(context)
    var total = 0.0
    for i in 0..<chunks { total += partial[i] }
    return total
  }
}

/// Returns the number of items in one chunk. If items are elements, it is a multiple of the vector width: a
/// kernel that stores whole vectors into a padded tensor may meet the partial one only at the end of the
/// tensor, because it would overwrite the beginning of the next chunk.
@inline(__always)
private func lossChunk<K: LossKernel>(_: K.Type, _ arguments: K.Arguments, _ count: Int) -> Int {
  let width = K.width(arguments)
  let chunk = Swift.max(rowChunk(count, width), (count &+ LossContext.maximum &- 1) / LossContext.maximum)
  return width == 1 ? roundUp(chunk, K.V.width) : chunk
}

@inline(__always)
func runLossChunk<K: LossKernel>(_: K.Type, _ context: UnsafeMutableRawPointer, _ chunk: Int32) {
  let context = context.assumingMemoryBound(to: LossContext.self)
  let range = context.pointee.range
  let lower = Int(chunk) &* range.chunk
  let upper = Swift.min(lower &+ range.chunk, range.count)
  partials(context)[Int(chunk)] = K.run(
    range.arguments.assumingMemoryBound(to: K.Arguments.self), lower, upper)
}

@inline(__always)
private func partials(_ context: UnsafeMutablePointer<LossContext>) -> UnsafeMutablePointer<Double> {
  let offset = MemoryLayout<LossContext>.offset(of: \.partial).unsafelyUnwrapped
  return (UnsafeMutableRawPointer(context) + offset).assumingMemoryBound(to: Double.self)
}
