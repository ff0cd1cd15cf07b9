import Glibc

/// A lock for the paths that are allowed one. A pthread mutex, at an address of its own: ThreadSanitizer understands it,
/// and it never moves.
public final class Mutex: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<pthread_mutex_t>

  public init() {
    raw = .allocate(capacity: 1)
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
  }

  deinit {
    pthread_mutex_destroy(raw)
    raw.deallocate()
  }

  public func lock() { pthread_mutex_lock(raw) }
  public func unlock() { pthread_mutex_unlock(raw) }
  public func tryLock() -> Bool { pthread_mutex_trylock(raw) == 0 }

  public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}
