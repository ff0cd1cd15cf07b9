import CDenpa
import CShim
import DenpaCore
import DenpaKernelTypes

/// The host's function table for plugins: one per process, valid forever.
enum PluginHost {
  /// Immutable once made.
  nonisolated(unsafe) static let table: UnsafePointer<denpa_host> = {
    let version = UnsafeMutablePointer<CChar>.allocate(capacity: DENPA_VERSION.utf8.count + 1)
    for (index, byte) in DENPA_VERSION.utf8.enumerated() { version[index] = CChar(bitPattern: byte) }
    version[DENPA_VERSION.utf8.count] = 0
    let table = UnsafeMutablePointer<denpa_host>.allocate(capacity: 1)
    table.initialize(
      to: denpa_host(
        struct_size: MemoryLayout<denpa_host>.size, abi: DENPA_PLUGIN_ABI, reserved: 0, version: version,
        fail: { _, status, message in
          Callback.leave(message)
          return status
        },
        log: { _, level, message in if let message { PluginLog.write(level, message) } },
        parallel_for: { call, count, grain, body, context in
          if let body { parallel(call, count, grain, body, context) }
        },
        random: { call, stream, first, count, numbers in
          if let numbers { random(call, stream, first, count, numbers) }
        }))
    return UnsafePointer(table)
  }()

  typealias Body = @convention(c) (UnsafeMutableRawPointer?, Int64, Int64, Int32) -> Void

  private struct Work {
    var body: UnsafeRawPointer
    var context: UnsafeMutableRawPointer?
    var count: Int64
    var grain: Int64
    /// Where a chunk that throws reports it.
    var text: UnsafeMutableRawPointer?
  }

  /// Returns the run that a call belongs to, if any.
  private static func run(_ call: UnsafePointer<denpa_call>?) -> UnsafeMutablePointer<Run>? {
    UnsafeMutablePointer(bitPattern: UInt(truncatingIfNeeded: call?.pointee.opaque.0 ?? 0))
  }

  private static func parallel(
    _ call: UnsafePointer<denpa_call>?, _ count: Int64, _ grain: Int64, _ body: Body,
    _ context: UnsafeMutableRawPointer?
  ) {
    guard count > 0 else { return }
    // Chunks are counted in 32 bits, so the grain grows with the count.
    let least = (count - 1) / Int64(Int32.max) + 1
    // The call's text, or the running callback's outside of a call.
    let text = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: call?.pointee.opaque.2 ?? 0))
    var work = Work(
      body: Callback.address(body), context: context, count: count, grain: max(grain, least, 1),
      text: text ?? Callback.current.map { UnsafeMutableRawPointer($0) })
    let chunks = Int32((count - 1) / work.grain + 1)
    let runChunk: ChunkBody = { context, chunk, _ in
      let work = context.assumingMemoryBound(to: Work.self).pointee
      let first = Int64(chunk) * work.grain
      denpa_shim_body(
        work.body, work.context, first, first + min(work.grain, work.count - first), chunk,
        Callback.noteOfChunk,
        work.text)
    }
    withUnsafeMutablePointer(to: &work) { work in
      if let run = run(call) {
        run.pointee.parallel(run, chunks, runChunk, work)
      } else {
        for chunk in 0..<chunks { runChunk(work, chunk, 0) }
      }
    }
  }

  private static func random(
    _ call: UnsafePointer<denpa_call>?, _ stream: UInt64, _ first: UInt64, _ count: Int64,
    _ numbers: UnsafeMutablePointer<Double>
  ) {
    guard let call, let run = run(call) else { return }
    // Node numbers are below 2¹⁶, so streams below 2⁴⁰ never collide with those of another node or of an
    // initializer.
    let node = call.pointee.opaque.1 &+ 1
    let generator = Random(seed: run.pointee.seed, stream: node << 40 ^ stream, step: run.pointee.draw)
    var element = first
    for index in 0..<max(Int(count), 0) {
      numbers[index] = generator.uniform(element)
      element &+= 1
    }
  }
}
