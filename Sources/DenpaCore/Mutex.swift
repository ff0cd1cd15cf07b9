import CShim
import Glibc

/// A lock for the paths that are allowed one. A pthread mutex, at an address of its own: ThreadSanitizer
/// understands it, and it never moves. In a forked child it begins anew: whoever held it may not have come
/// along.
public final class Mutex: @unchecked Sendable {
  @usableFromInline let raw: UnsafeMutablePointer<pthread_mutex_t>
  /// The process that `raw` was last made in.
  @usableFromInline var generation: UInt32

  public init() {
    denpa_count_forks()
    generation = denpa_fork_generation()
    raw = .allocate(capacity: 1)
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
  }

  deinit {
    pthread_mutex_destroy(raw)
    raw.deallocate()
  }

  @inlinable
  public func lock() {
    if generation != denpa_fork_generation() { beginAnew() }
    pthread_mutex_lock(raw)
  }

  @inlinable
  public func unlock() { pthread_mutex_unlock(raw) }

  public func tryLock() -> Bool {
    if generation != denpa_fork_generation() { beginAnew() }
    return pthread_mutex_trylock(raw) == 0
  }

  /// A child has one thread when it begins, so there is nobody to race with.
  @usableFromInline
  func beginAnew() {
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
    generation = denpa_fork_generation()
  }

  public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}
