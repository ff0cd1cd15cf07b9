import DenpaCore
import DenpaKernelTypes

/// A kernel call of a plan for one batch size, in the plain memory that `Executor.execute` walks through.
struct StepRecord {
  var step: Step
  var arguments: UnsafeRawPointer
  var op: Int
}

/// A pointer among the arguments that is set when its memory changes: it points `offset` bytes into a slot's
/// memory or into the parameters.
struct Patch {
  var address: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// The number of the slot; 0 for the parameters.
  var source: Int
  var offset: Int
}

/// What a call walks through: plain memory, so that the call retains, looks up and checks nothing on the way.
struct Program {
  /// −1 if no program has been made yet.
  var rows = -1
  var steps: UnsafeMutablePointer<StepRecord>
  var stepCount = 0
  var forwardSteps = 0
  var slotPatches: UnsafeMutableBufferPointer<Patch>
  var parameterPatches: UnsafeMutableBufferPointer<Patch>
  var runtimePatches: UnsafeMutableBufferPointer<UnsafeMutablePointer<Int32>>
  var binding: UnsafeMutablePointer<Binding>

  /// What the arguments currently point to.
  struct Binding {
    var parameters: UnsafeMutableRawPointer?
    /// Whether gradients of parameters are accumulated: 0, 1, or −1 before the first call.
    var accumulate: Int32 = -1
  }
}

/// The arguments of all kernel calls of a plan for one number of rows, with the places where calls bind
/// pointers: the memory behind a `Program`.
final class ArgumentSet {
  let program: Program
  private let arguments: ArgumentMemory
  private let table: Buffer
  /// Keeps alive what foreign calls need.
  private let contexts: [AnyObject]

  init(_ draft: Lowering) throws(DenpaError) {
    arguments = draft.memory
    contexts = draft.contexts
    let bytes =
      Arena.aligned(draft.steps.count * MemoryLayout<StepRecord>.stride)
      + Arena.aligned(draft.slotPatches.count * MemoryLayout<Patch>.stride)
      + Arena.aligned(draft.parameterPatches.count * MemoryLayout<Patch>.stride)
      + Arena.aligned(draft.runtimePatches.count * 8) + Arena.aligned(MemoryLayout<Program.Binding>.stride)
    let table = try Buffer(byteCount: bytes, zeroed: false, "arguments")
    self.table = table
    var offset = 0
    func reserve<T>(_ items: [T]) -> UnsafeMutableBufferPointer<T> {
      let base = (table.base + offset).bindMemory(to: T.self, capacity: items.count)
      base.initialize(from: items, count: items.count)
      offset += Arena.aligned(items.count * MemoryLayout<T>.stride)
      return UnsafeMutableBufferPointer(start: base, count: items.count)
    }
    let steps = reserve(draft.steps)
    let binding = reserve([Program.Binding()])
    program = Program(
      rows: draft.sizes.rows, steps: steps.baseAddress ?? table.base.assumingMemoryBound(to: StepRecord.self),
      stepCount: steps.count, forwardSteps: draft.forwardSteps, slotPatches: reserve(draft.slotPatches),
      parameterPatches: reserve(draft.parameterPatches), runtimePatches: reserve(draft.runtimePatches),
      binding: binding.baseAddress ?? table.base.assumingMemoryBound(to: Program.Binding.self))
  }
}

/// Memory for the arguments of kernel calls: blocks that never move, because steps point into them. When a
/// block is full, another one is added, so that no estimate of what a plan needs can be too small.
struct ArgumentMemory {
  private(set) var blocks: [Buffer] = []
  private var used = 0
  private let blockBytes: Int

  private static let smallestBlock = 4096

  /// `expected` is the number of bytes of the first block, which holds all arguments of most plans. In guard
  /// mode each reservation has its own block.
  init(expected: Int) { blockBytes = GuardMode.isOn ? 0 : max(expected, ArgumentMemory.smallestBlock) }

  /// Returns zeroed memory, aligned to 64 bytes.
  mutating func reserve(_ byteCount: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    let bytes = Arena.aligned(max(byteCount, 1))
    if let block = blocks.last, block.byteCount - used >= bytes {
      used += bytes
      return block.base + (used - bytes)
    }
    let block = try Buffer(byteCount: max(blocks.isEmpty ? blockBytes : blockBytes / 4, bytes), "arguments")
    blocks.append(block)
    used = bytes
    return block.base
  }
}
