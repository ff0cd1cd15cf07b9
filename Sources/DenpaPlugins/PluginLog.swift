import DenpaCore
import Glibc

/// Where the lines go that plugins log.
public enum PluginLog {
  /// `level`: 0 debug, 1 info, 2 warning, 3 error. The text is borrowed for the call. Called from any thread.
  public typealias Sink = @Sendable (_ level: Int32, _ text: UnsafePointer<CChar>) -> Void

  /// Nobody at first. Setting it returns after calls of the former one have ended; a sink must not set it.
  public static var sink: Sink? {
    get {
      pthread_rwlock_rdlock(state.lock)
      defer { pthread_rwlock_unlock(state.lock) }
      return state.sink
    }
    set {
      pthread_rwlock_wrlock(state.lock)
      defer { pthread_rwlock_unlock(state.lock) }
      state.sink = newValue
    }
  }

  static func write(_ level: Int32, _ text: Message) {
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { if let text = $0.baseAddress { write(level, text) } }
    }
  }

  /// What the log callback threw is the failure of the callback that logged.
  public static func failed(_ text: FailureText) {
    guard let place = Callback.current, !place.pointee.isException else { return }
    place.pointee.message = text.message
    place.pointee.source = .log
  }

  /// Readers share the lock, so that a sink whose work makes another plugin log does not wait for itself.
  static func write(_ level: Int32, _ text: UnsafePointer<CChar>) {
    pthread_rwlock_rdlock(state.lock)
    defer { pthread_rwlock_unlock(state.lock) }
    state.sink?(min(max(level, 0), 3), text)
  }

  private final class State: @unchecked Sendable {
    let lock: UnsafeMutablePointer<pthread_rwlock_t>
    var sink: Sink?

    init() {
      lock = .allocate(capacity: 1)
      lock.initialize(to: pthread_rwlock_t())
      pthread_rwlock_init(lock, nil)
    }
  }

  private static let state = State()
}
