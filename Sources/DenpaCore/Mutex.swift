import CShim
import Glibc

/// A lock for the paths that may take one: a pthread mutex at a fixed address, which ThreadSanitizer
/// understands. It is reinitialized in a forked child, in which the thread that held it may not exist.
public final class Mutex: @unchecked Sendable {
  @usableFromInline let raw: UnsafeMutablePointer<pthread_mutex_t>
  /// The fork generation in which `raw` was last initialized.
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

  /// A forked child starts with a single thread, so there is no race.
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
