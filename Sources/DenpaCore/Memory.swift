import CShim

/// Throws if the reserve has served an allocation by Swift since the ABI layer last cleared the flag.
///
/// Call it while the call can still roll back, before committing what it built.
@inlinable
public func checkMemory(_ what: StaticString) throws(DenpaError) {
  if denpa_shim_allocation_failed() != 0 { throw .outOfMemory(what) }
}

/// Guard and observe mode: for tests, chosen by the environment.
public enum GuardMode {
  /// Every buffer ends at an inaccessible page, as do every tensor of a plan and every parameter; tensors
  /// share no memory and are filled with NaN before each run.
  public static var isOn: Bool { denpa_guard_mode() != 0 }
  /// Plans are compiled without fusion, and their tensors share no memory.
  public static var observes: Bool { denpa_observe_mode() != 0 }
  public static var pageBytes: Int { denpa_guard_page_size() }

  /// Fills memory with a pattern that is NaN in every float dtype.
  public static func poison(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: byteCount)
  }
}

/// Memory for tensors: 64-byte aligned, checked, freed with the object.
public final class Buffer: @unchecked Sendable {
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  /// The allocated size of `byteCount` bytes: whole cache lines, at least one.
  public let paddedBytes: Int
  private let isGuarded = GuardMode.isOn
  /// What is freed: `base` may be inside of it.
  private let allocation: UnsafeMutableRawPointer

  /// The size from which a buffer begins at a huge page and asks for huge pages. Measured over 64 MiB:
  /// reading column by column takes 2.0 ns a line instead of 2.8; reading row by row the same.
  static let hugePage = 2 << 20
  /// The size up to which buffers are placed apart within the pages of memory.
  static let small = 16 << 10

  /// If there is no memory, the error names `what`. `byteCount` may be 0.
  public init(byteCount: Int, zeroed: Bool = true, _ what: StaticString) throws(DenpaError) {
    let isHuge = byteCount >= Buffer.hugePage
    // Rounded up, so that whole vectors and cache lines at the end belong to this buffer alone.
    let (padded, overflow) = byteCount.addingReportingOverflow(63)
    guard byteCount >= 0, !overflow else { throw .outOfMemory(what) }
    paddedBytes = max(padded & ~63, 64)
    var block: UnsafeMutableRawPointer?
    let memory: UnsafeMutableRawPointer?
    if isGuarded {
      memory = denpa_guard_allocate(paddedBytes)
    } else if paddedBytes <= Buffer.small {
      memory = denpa_shim_allocate_apart(paddedBytes, &block)
    } else {
      memory = denpa_shim_allocate(paddedBytes, isHuge ? Buffer.hugePage : 64)
    }
    guard let memory else { throw .outOfMemory(what) }
    base = memory
    allocation = block ?? memory
    self.byteCount = byteCount
    if isHuge && !isGuarded { denpa_advise_huge_pages(memory, UInt64(paddedBytes)) }
    if isGuarded { GuardMode.poison(memory, paddedBytes) }
    if zeroed {
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: isGuarded ? byteCount : paddedBytes)
    }
    try checkMemory(what)
  }

  /// Makes the page at `offset` inaccessible, in guard mode: `base` is page-aligned if `byteCount` is a
  /// number of whole pages.
  public func forbidPage(at offset: Int) { if isGuarded { denpa_guard_forbid(base + offset) } }

  deinit { if isGuarded { denpa_guard_free(base, paddedBytes) } else { denpa_shim_free(allocation) } }
}
