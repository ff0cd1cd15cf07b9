import CShim
import Glibc

/// A mutex that knows its owner: a thread that re-enters from a callback is refused instead of deadlocking.
public final class Turn: @unchecked Sendable {
  // Part of each step of a small network, so inlined into other modules.
  @usableFromInline let mutex = Mutex()
  @usableFromInline let owner: UnsafeMutablePointer<UInt64>

  public init() {
    owner = .allocate(capacity: 1)
    owner.initialize(to: 0)
  }

  deinit { owner.deallocate() }

  /// Whether this thread has the turn.
  public var isMine: Bool { denpa_atomic_load_relaxed_u64(owner) == UInt64(pthread_self()) }

  /// Waits for the turn; returns false if this thread already has it.
  @inlinable @inline(__always)
  public func begin() -> Bool {
    let me = UInt64(pthread_self())
    guard denpa_atomic_load_relaxed_u64(owner) != me else { return false }
    mutex.lock()
    denpa_atomic_store_u64(owner, me)
    return true
  }

  @inlinable @inline(__always)
  public func end() {
    denpa_atomic_store_u64(owner, 0)
    mutex.unlock()
  }

  @inlinable @inline(__always)
  public func take<R>(
    or refusal: StaticString, _ body: () throws(DenpaError) -> R
  ) throws(DenpaError) -> R {
    guard begin() else { throw Turn.refused(refusal) }
    defer { end() }
    return try body()
  }

  /// Out of line, because the code that makes an error is long.
  @inline(never)
  public static func refused(_ sentence: StaticString) -> DenpaError { DenpaError(.badState, "\(sentence)") }
}

/// Code outside the engine: a layer's callbacks.
public enum ForeignCode {
  /// Where this thread's innermost running callback writes its failure.
  public static let key: pthread_key_t = {
    var key = pthread_key_t()
    // Without a key (a host that took all 1,024) texts are lost, statuses are not.
    return pthread_key_create(&key, nil) == 0 ? key : pthread_key_t.max
  }()

  /// Whether this thread is in a callback, for which the engine may be waiting further up the stack.
  public static var isRunning: Bool { pthread_getspecific(key) != nil }
}
