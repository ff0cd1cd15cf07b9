import DenpaCore
import Glibc

/// The destination of the lines that plugins log.
public enum PluginLog {
  /// `level`: 0 debug, 1 info, 2 warning, 3 error. The text is valid during the call. Called from any thread.
  public typealias Sink = @Sendable (_ level: Int32, _ text: UnsafePointer<CChar>) -> Void

  /// Sets the sink, initially nil. Waits for calls of the former sink to end, so a sink cannot set another.
  public static func set(_ sink: Sink?) throws(DenpaError) {
    guard pthread_getspecific(state.inside) == nil else {
      throw DenpaError(.badState, "the log callback is running in this thread: it must not set another one")
    }
    pthread_rwlock_wrlock(state.lock)
    defer { pthread_rwlock_unlock(state.lock) }
    state.sink = sink
  }

  static func write(_ level: Int32, _ text: Message) {
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { if let text = $0.baseAddress { write(level, text) } }
    }
  }

  /// What the log callback threw is a failure of the callback that logged.
  public static func failed(_ text: FailureText) {
    guard let place = Callback.current, !place.pointee.isException else { return }
    place.pointee.message = text.message
    place.pointee.source = .log
  }

  /// Readers share the lock, so that a sink that makes another plugin log does not deadlock.
  static func write(_ level: Int32, _ text: UnsafePointer<CChar>) {
    pthread_rwlock_rdlock(state.lock)
    defer { pthread_rwlock_unlock(state.lock) }
    let outer = pthread_getspecific(state.inside)
    pthread_setspecific(state.inside, state.lock)
    defer { pthread_setspecific(state.inside, outer) }
    state.sink?(min(max(level, 0), 3), text)
  }

  private final class State: @unchecked Sendable {
    let lock: UnsafeMutablePointer<pthread_rwlock_t>
    var sink: Sink?
    /// Set in a thread while it is in the sink.
    let inside: pthread_key_t

    init() {
      var key = pthread_key_t()
      inside = pthread_key_create(&key, nil) == 0 ? key : pthread_key_t.max
      lock = .allocate(capacity: 1)
      lock.initialize(to: pthread_rwlock_t())
      pthread_rwlock_init(lock, nil)
    }
  }

  private static let state = State()
}
