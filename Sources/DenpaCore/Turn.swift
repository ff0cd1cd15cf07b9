import CShim
import Glibc

/// A mutex that knows which thread has it: a thread that comes again, from a callback of the work that it is doing, is
/// turned away, where it would wait for itself.
public final class Turn: @unchecked Sendable {
  private let mutex = Mutex()
  private let owner: UnsafeMutablePointer<UInt64>

  public init() {
    owner = .allocate(capacity: 1)
    owner.initialize(to: 0)
  }

  deinit { owner.deallocate() }

  /// Waits for the turn; false: this thread has it already.
  @inline(__always)
  public func begin() -> Bool {
    let me = UInt64(pthread_self())
    guard denpa_atomic_load_relaxed_u64(owner) != me else { return false }
    mutex.lock()
    denpa_atomic_store_u64(owner, me)
    return true
  }

  public func end() {
    denpa_atomic_store_u64(owner, 0)
    mutex.unlock()
  }

  @inline(__always)
  public func take<R>(
    or refusal: @autoclosure () -> Message, _ body: () throws(DenpaError) -> R
  ) throws(DenpaError) -> R {
    guard begin() else { throw DenpaError(.badState, refusal()) }
    defer { end() }
    return try body()
  }
}

/// Code that is not the engine's: a layer's callbacks.
public enum ForeignCode {
  /// What this thread's innermost running callback writes its failure to.
  public static let key: pthread_key_t = {
    var key = pthread_key_t()
    // Without a key (a host that took all 1,024) texts are lost, statuses are not.
    return pthread_key_create(&key, nil) == 0 ? key : pthread_key_t.max
  }()

  /// Whether this thread is in a callback: then work of the engine's own may be waiting for it, further up.
  public static var isRunning: Bool { pthread_getspecific(key) != nil }
}
