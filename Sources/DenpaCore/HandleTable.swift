import CShim

/// The contents of an opaque pointer of the C ABI: bit 0 set, 20 bits of slot, 32 of generation, 8 of kind,
/// and 101 on top, so that no pointer to memory looks like one and dereferencing one faults at once.
public struct Handle {
  public let raw: UInt

  init(_ pointer: OpaquePointer?) { raw = UInt(bitPattern: pointer) }

  init(slot: UInt32, generation: UInt32, kind: UInt8) {
    raw = Handle.mark | UInt(slot) << 1 | UInt(generation) << 21 | UInt(kind) << 53
  }

  private static let mark: UInt = 0b101 << 61 | 1

  var isWellFormed: Bool { raw & (0b111 << 61 | 1) == Handle.mark }
  var slot: UInt32 { UInt32(truncatingIfNeeded: raw >> 1) & (1 << 20 - 1) }
  var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 21) }
  var kind: UInt8 { UInt8(truncatingIfNeeded: raw >> 53) }
  var pointer: OpaquePointer? { OpaquePointer(bitPattern: raw) }
}

/// The objects behind the handles of the C ABI.
///
/// A call pins the object while it works with it; `destroy` invalidates the handle at once, and the object is
/// released with its last pin. Nothing here takes a lock: pinning is one compare-and-swap on the slot's
/// state, which holds generation (32 bits), alive (1), kind (8) and pins (23). Slots are in chunks that are
/// never moved or freed, so any bits that a caller passes can be looked up without dereferencing them. A
/// destroyed slot is reused under its next generation and retired after 2³² − 1 of them, so that no handle
/// ever becomes valid again.
public enum HandleTable {
  public static let capacity = 1 << 20

  /// Stores the object until its handle is destroyed.
  public static func insert(_ object: AnyObject, kind: UInt8) throws(DenpaError) -> OpaquePointer {
    let index = try takeSlot()
    // Never nil: takeSlot created its chunk.
    guard let slot = slot(index) else { throw DenpaError(.internalError, "a handle's slot has no memory") }
    let generation = UInt32(truncatingIfNeeded: denpa_atomic_load_u64(slot) >> 32) + 1
    let handle = Handle(slot: index, generation: generation, kind: kind)
    guard let pointer = handle.pointer else { throw DenpaError(.internalError, "a handle is NULL") }
    _ = denpa_atomic_add_u64(live_, 1)
    denpa_atomic_store_pointer(slot + Slot.object, Unmanaged.passRetained(object).toOpaque())
    denpa_atomic_store_u64(slot, State.alive(handle))
    return pointer
  }

  /// An object that is kept alive until `unpin`.
  public struct Pinned {
    public let object: Unmanaged<AnyObject>
    fileprivate let slot: UnsafeMutableRawPointer
    fileprivate let index: UInt32
  }

  /// Pins the object; returns nil for NULL, a destroyed handle, another kind, and bits
  /// that never were a handle.
  public static func pin(_ pointer: OpaquePointer?, kind: UInt8) -> Pinned? {
    let handle = Handle(pointer)
    guard handle.isWellFormed, handle.kind == kind, let slot = slot(handle.slot) else { return nil }
    let wanted = State.alive(handle)
    var state = denpa_atomic_load_u64(slot)
    while true {
      guard state & ~State.pins == wanted, state & State.pins != State.pins else { return nil }
      if denpa_atomic_cas_u64(slot, state, state + 1) { break }
      state = denpa_atomic_load_u64(slot)
    }
    guard let object = denpa_atomic_load_pointer(slot + Slot.object) else { return nil }
    return Pinned(object: Unmanaged.fromOpaque(object), slot: slot, index: handle.slot)
  }

  public static func unpin(_ pinned: Pinned) {
    let before = denpa_atomic_sub_u64(pinned.slot, 1)
    if before & State.aliveBit == 0, before & State.pins == 1 { release(pinned.slot, pinned.index) }
  }

  /// Invalidates the handle; returns false, with no effect, if `pin` would return nil.
  public static func destroy(_ pointer: OpaquePointer?, kind: UInt8) -> Bool {
    let handle = Handle(pointer)
    guard handle.isWellFormed, handle.kind == kind, let slot = slot(handle.slot) else { return false }
    let wanted = State.alive(handle)
    var state = denpa_atomic_load_u64(slot)
    while true {
      guard state & ~State.pins == wanted else { return false }
      if denpa_atomic_cas_u64(slot, state, state & ~State.aliveBit) { break }
      state = denpa_atomic_load_u64(slot)
    }
    if state & State.pins == 0 { release(slot, handle.slot) }
    return true
  }

  /// Returns the kind of a valid handle, for texts like "expected a graph, got a model".
  public static func kind(of pointer: OpaquePointer?) -> UInt8? {
    let handle = Handle(pointer)
    guard handle.isWellFormed, let slot = slot(handle.slot),
      denpa_atomic_load_u64(slot) & ~State.pins == State.alive(handle)
    else { return nil }
    return handle.kind
  }

  /// The number of objects in the table, including those destroyed but still pinned.
  public static var live: Int { Int(denpa_atomic_load_u64(live_)) }

  /// Called only by the thread that made the state (not alive, no pins).
  private static func release(_ slot: UnsafeMutableRawPointer, _ index: UInt32) {
    let object = denpa_atomic_exchange_pointer(slot + Slot.object, nil)
    let isSpent = denpa_atomic_load_u64(slot) >> 32 == UInt64(UInt32.max)
    if !isSpent { giveBack(slot, index) }
    _ = denpa_atomic_sub_u64(live_, 1)
    // Last: its deinit may destroy other handles.
    if let object { Unmanaged<AnyObject>.fromOpaque(object).release() }
  }
}

// MARK: - Slots

extension HandleTable {
  /// Offsets in a slot of 32 bytes: state, object, number + 1 of the next free slot.
  enum Slot {
    static let object = 8
    static let next = 16
    static let size = 32
  }

  enum State {
    static let pins: UInt64 = 1 << 23 - 1
    static let aliveBit: UInt64 = 1 << 31

    /// Returns the state of the handle's slot while the handle is valid and not pinned.
    static func alive(_ handle: Handle) -> UInt64 {
      UInt64(handle.generation) << 32 | aliveBit | UInt64(handle.kind) << 23
    }
  }

  /// 1,024 slots per chunk, 1,024 chunks.
  private static let chunkBits: UInt32 = 10

  private static var memory: UnsafeMutableRawPointer { denpa_handle_memory() }
  /// The list of free slots: tag << 32 | number + 1. The tag defeats ABA.
  private static var free_: UnsafeMutableRawPointer { memory }
  /// The number of slots ever used.
  private static var used: UnsafeMutableRawPointer { memory + 64 }
  private static var live_: UnsafeMutableRawPointer { memory + 128 }
  private static func directory(_ chunk: UInt32) -> UnsafeMutableRawPointer { memory + 256 + Int(chunk) * 8 }

  /// Returns nil if the slot's chunk was never created.
  static func slot(_ index: UInt32) -> UnsafeMutableRawPointer? {
    guard let chunk = denpa_atomic_load_pointer(directory(index >> chunkBits)) else { return nil }
    return chunk + Int(index & (1 << chunkBits - 1)) * Slot.size
  }

  private static func takeSlot() throws(DenpaError) -> UInt32 {
    var head = denpa_atomic_load_u64(free_)
    while let number = UInt32(exactly: head & UInt64(UInt32.max)), number > 0 {
      guard let slot = slot(number - 1) else { break }
      let next = denpa_atomic_load_u64(slot + Slot.next)
      if denpa_atomic_cas_u64(free_, head, (head >> 32 &+ 1) << 32 | next) { return number - 1 }
      head = denpa_atomic_load_u64(free_)
    }
    var fresh = denpa_atomic_load_u64(used)
    while true {
      guard fresh < UInt64(capacity) else {
        throw DenpaError(.limitExceeded, "there are \(capacity) objects already; destroy some")
      }
      // The chunk before the number: a thread that has a number finds its slot.
      try makeChunk(UInt32(fresh) >> chunkBits)
      if denpa_atomic_cas_u64(used, fresh, fresh + 1) { return UInt32(fresh) }
      fresh = denpa_atomic_load_u64(used)
    }
  }

  private static func giveBack(_ slot: UnsafeMutableRawPointer, _ index: UInt32) {
    while true {
      let head = denpa_atomic_load_u64(free_)
      denpa_atomic_store_u64(slot + Slot.next, head & UInt64(UInt32.max))
      if denpa_atomic_cas_u64(free_, head, (head >> 32 &+ 1) << 32 | UInt64(index + 1)) { return }
    }
  }

  private static func makeChunk(_ chunk: UInt32) throws(DenpaError) {
    let entry = directory(chunk)
    guard denpa_atomic_load_pointer(entry) == nil else { return }
    let size = Slot.size << Int(chunkBits)
    guard let memory = denpa_shim_allocate(size, 64) else { throw .outOfMemory("handles") }
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    if !denpa_atomic_cas_pointer(entry, nil, memory) { denpa_shim_free(memory) }
  }
}
