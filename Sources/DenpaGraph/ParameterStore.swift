import CShim
import Glibc
import DenpaCore

/// The places of parameters in a block: adjacent and aligned to 64 bytes, so that an optimizer can sweep over
/// them at once. In guard mode each one ends at an inaccessible page.
public struct ParameterLayout: Sendable {
  public let offsets: [Int]
  /// The number of bytes of each parameter, rounded up to a multiple of 64.
  public let extents: [Int]
  public let byteCount: Int
  private let forbiddenPages: [Int]

  public init(_ types: [TensorType]) throws(DenpaError) {
    var places = GuardedPlaces(isGuarded: GuardMode.isOn)
    var offsets: [Int] = [], extents: [Int] = []
    for type in types {
      let bytes = Arena.aligned(try type.shape.checkedCount() * type.dtype.size)
      guard let offset = places.append(bytes) else {
        throw DenpaError(.limitExceeded, "the parameters need more than 128 TiB of memory")
      }
      offsets.append(offset)
      extents.append(bytes)
    }
    self.offsets = offsets
    self.extents = extents
    byteCount = places.byteCount
    forbiddenPages = places.forbiddenPages
  }

  /// Allocates a block with one value for each element of each parameter.
  public func makeBuffer(zeroed: Bool, _ what: StaticString) throws(DenpaError) -> Buffer {
    let result = try Buffer(byteCount: byteCount, zeroed: zeroed, what)
    for page in forbiddenPages { result.forbidPage(at: page) }
    return result
  }

  public func copy(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer) {
    guard !forbiddenPages.isEmpty else { return destination.copyMemory(from: source, byteCount: byteCount) }
    for (offset, bytes) in zip(offsets, extents) {
      (destination + offset).copyMemory(from: source + offset, byteCount: bytes)
    }
  }

  public func clear(_ memory: UnsafeMutableRawPointer) {
    guard !forbiddenPages.isEmpty else {
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      return
    }
    for (offset, bytes) in zip(offsets, extents) {
      (memory + offset).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }
}

/// Consecutive places in one block. In guard mode each one ends at a page that is to be made inaccessible.
struct GuardedPlaces {
  let isGuarded: Bool
  private(set) var byteCount = 0
  private(set) var forbiddenPages: [Int] = []

  init(isGuarded: Bool) { self.isGuarded = isGuarded }

  /// Appends a place for `bytes` bytes and returns its offset; nil if the block would have more than 2⁴⁷
  /// bytes, which no machine has.
  mutating func append(_ bytes: Int) -> Int? {
    let limit = 1 << 47
    guard bytes <= limit - byteCount else { return nil }
    guard isGuarded else {
      byteCount += bytes
      return byteCount - bytes
    }
    let page = GuardMode.pageBytes
    let forbidden = byteCount + (bytes + page - 1) / page * page
    guard forbidden <= limit - page else { return nil }
    forbiddenPages.append(forbidden)
    byteCount = forbidden + page
    return forbidden - bytes
  }
}

/// The parameters of a model as its sessions see them.
///
/// `home` is the block that views point into. A reader registers with the current block and then checks that
/// it is still current. A publisher writes to a block without readers, makes it current, and copies the
/// values to `home` once that has no readers. Thus readers never wait and never see half an update,
/// publishers never wait for readers, and views remain valid. (Registering and then checking is the idea of
/// hazard pointers: Michael, 2004.)
final class ParameterStore: @unchecked Sendable {
  let layout: ParameterLayout
  let home: Buffer

  private struct Block {
    var memory: Buffer
    /// The number of readers, a UInt64 on a cache line of its own.
    var readers: UnsafeMutablePointer<UInt64>
  }

  static let maximumBlocks = 64
  private let control: Buffer
  private let current: UnsafeMutablePointer<UInt64>
  /// The base address of each block, for readers.
  private let bases: UnsafeMutablePointer<UInt64>
  private var blocks: [Block] = []
  /// Serializes publishers.
  private let mutex = Mutex()

  init(_ layout: ParameterLayout) throws(DenpaError) {
    self.layout = layout
    home = try layout.makeBuffer(zeroed: true, "parameters")
    control = try Buffer(byteCount: 64 * (ParameterStore.maximumBlocks + 9), zeroed: true, "parameters")
    current = control.base.assumingMemoryBound(to: UInt64.self)
    bases = (control.base + 64).assumingMemoryBound(to: UInt64.self)
    append(home)
    try checkMemory("parameters")
  }

  private func append(_ memory: Buffer) {
    let readers = (control.base + 64 * (9 + blocks.count)).assumingMemoryBound(to: UInt64.self)
    bases[blocks.count] = UInt64(UInt(bitPattern: memory.base))
    blocks.append(Block(memory: memory, readers: readers))
  }

  private func readers(_ index: Int) -> UnsafeMutablePointer<UInt64> {
    (control.base + 64 * (9 + index)).assumingMemoryBound(to: UInt64.self)
  }

  /// Registers a reader with the current block, without a lock, an allocation or a system call.
  func acquire() -> (block: Int, base: UnsafeMutableRawPointer) {
    while true {
      let block = Int(denpa_atomic_load_u64(current))
      _ = denpa_atomic_add_u64(readers(block), 1)
      if Int(denpa_atomic_load_ordered_u64(current)) == block {
        let base =
          UnsafeMutableRawPointer(bitPattern: UInt(denpa_atomic_load_u64(bases + block))) ?? home.base
        return (block, base)
      }
      _ = denpa_atomic_sub_u64(readers(block), 1)
    }
  }

  func release(_ block: Int) { _ = denpa_atomic_sub_u64(readers(block), 1) }

  private func isFree(_ block: Int) -> Bool {
    Int(denpa_atomic_load_ordered_u64(current)) != block
      && denpa_atomic_load_ordered_u64(blocks[block].readers) == 0
  }

  /// An exchange, because a plain store might not be visible yet when the readers are counted next.
  private func setCurrent(_ block: Int) { _ = denpa_atomic_exchange_u64(current, UInt64(block)) }

  /// Replaces the parameters with the block at `source`.
  func publish(_ source: UnsafeRawPointer) throws(DenpaError) {
    try mutex.withLock { () throws(DenpaError) in try publishAlone(source) }
  }

  /// Changes a copy of the parameters and publishes it, while no other publisher is at work.
  func change(_ body: (UnsafeMutableRawPointer) -> Void) throws(DenpaError) {
    let draft = try layout.makeBuffer(zeroed: false, "changed parameters")
    try mutex.withLock { () throws(DenpaError) in
      copyCurrent(to: draft.base)
      body(draft.base)
      try publishAlone(draft.base)
    }
  }

  /// Copies the parameters as they are between two changes.
  func copy(to memory: UnsafeMutableRawPointer) { mutex.withLock { copyCurrent(to: memory) } }

  private func copyCurrent(to memory: UnsafeMutableRawPointer) {
    let (block, base) = acquire()
    layout.copy(base, to: memory)
    release(block)
  }

  private func publishAlone(_ source: UnsafeRawPointer) throws(DenpaError) {
    var target = isFree(0) ? 0 : blocks.indices.first { $0 > 0 && isFree($0) }
    if target == nil {
      guard blocks.count < ParameterStore.maximumBlocks else {
        throw DenpaError(
          .limitExceeded, "\(blocks.count) predictions are still at work with earlier parameters")
      }
      let memory = try layout.makeBuffer(zeroed: false, "published parameters")
      append(memory)
      try checkMemory("published parameters")
      target = blocks.count - 1
    }
    guard let target else { return }
    layout.copy(source, to: blocks[target].memory.base)
    setCurrent(target)
    if target != 0 { try bringHome(waiting: false) }
  }

  /// Copies the current parameters to the home block and makes it current. If it has readers, waits for them,
  /// or without `waiting` does nothing.
  private func bringHome(waiting: Bool) throws(DenpaError) {
    let block = Int(denpa_atomic_load_u64(current))
    guard block != 0 else { return }
    while !isFree(0) {
      guard waiting else { return }
      // The reader may be a prediction in this thread itself, which called the callback.
      guard !ForeignCode.isRunning else {
        throw DenpaError(
          .badState,
          "a layer's callback must not look at parameters while a prediction with older ones is under way")
      }
      _ = sched_yield()
    }
    layout.copy(blocks[block].memory.base, to: home.base)
    setCurrent(0)
  }

  /// Returns the home block with the current values in it, for reading and writing parameters. Waits only for
  /// predictions that are still using older values than the published ones.
  func settledHome() throws(DenpaError) -> UnsafeMutableRawPointer {
    try mutex.withLock { () throws(DenpaError) in try bringHome(waiting: true) }
    return home.base
  }

  /// Runs `body` with the home block, while no publisher is at work.
  func withHome<R>(_ body: (UnsafeMutableRawPointer) throws(DenpaError) -> R) throws(DenpaError) -> R {
    try mutex.withLock { () throws(DenpaError) in
      try bringHome(waiting: true)
      return try body(home.base)
    }
  }
}
