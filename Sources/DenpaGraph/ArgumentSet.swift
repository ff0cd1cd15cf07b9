import DenpaCore
import DenpaKernelTypes

/// One call of a plan for one batch size: plain memory, walked through by `Executor.run`.
struct StepRecord {
  var step: Step
  var arguments: UnsafeRawPointer
  var op: Int
}

/// A pointer among the arguments that is bound again and again: which slot, or which place in the parameters.
struct Patch {
  var address: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  var source: Int
}

/// The arguments of all kernel calls of a plan for one number of rows, with the places where calls bind pointers.
final class ArgumentSet {
  let rows: Int
  private let memory: Buffer
  let steps: UnsafeMutablePointer<StepRecord>
  private(set) var stepCount = 0
  private(set) var forwardSteps = 0
  let slotPatches: UnsafeMutableBufferPointer<Patch>
  let parameterPatches: UnsafeMutableBufferPointer<Patch>
  let runtimePatches: UnsafeMutableBufferPointer<UnsafeMutablePointer<Int32>>
  /// The parameters that the patches point into now, and whether gradients are added now.
  var boundParameters: UnsafeMutableRawPointer?
  var accumulates: Bool?
  /// What foreign calls need; keeps it alive.
  private let contexts: [AnyObject]

  init(_ draft: Lowering) throws(DenpaError) {
    rows = draft.rows
    memory = draft.memory
    contexts = draft.contexts
    func reserve<T>(_ items: [T], _ memory: Buffer, _ offset: inout Int) -> UnsafeMutableBufferPointer<T> {
      let base = (memory.base + offset).bindMemory(to: T.self, capacity: items.count)
      base.initialize(from: items, count: items.count)
      offset += Arena.aligned(items.count * MemoryLayout<T>.stride)
      return UnsafeMutableBufferPointer(start: base, count: items.count)
    }
    let bytes =
      Arena.aligned(draft.steps.count * MemoryLayout<StepRecord>.stride)
      + Arena.aligned(draft.slotPatches.count * MemoryLayout<Patch>.stride)
      + Arena.aligned(draft.parameterPatches.count * MemoryLayout<Patch>.stride)
      + Arena.aligned(draft.runtimePatches.count * 8)
    table = try Buffer(byteCount: bytes, zeroed: false, "arguments")
    var offset = 0
    stepCount = draft.steps.count
    forwardSteps = draft.forwardSteps
    steps = reserve(draft.steps, table, &offset).baseAddress ?? table.base.assumingMemoryBound(to: StepRecord.self)
    slotPatches = reserve(draft.slotPatches, table, &offset)
    parameterPatches = reserve(draft.parameterPatches, table, &offset)
    runtimePatches = reserve(draft.runtimePatches, table, &offset)
  }

  private let table: Buffer
}
