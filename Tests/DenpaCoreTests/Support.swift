import CShim
import Glibc

/// A word shared by a test's threads.
final class Shared: @unchecked Sendable {
  let word: UnsafeMutablePointer<UInt64>
  init(_ value: UInt64 = 0) {
    word = .allocate(capacity: 1)
    word.initialize(to: value)
  }
  deinit { word.deallocate() }

  var value: UInt64 { denpa_atomic_load_u64(word) }
  @discardableResult func add(_ amount: UInt64 = 1) -> UInt64 { denpa_atomic_add_u64(word, amount) }
  func set(_ value: UInt64) { denpa_atomic_store_u64(word, value) }
}

private final class Body {
  let run: @Sendable (Int) -> Void
  let index: Int
  init(_ run: @escaping @Sendable (Int) -> Void, _ index: Int) {
    self.run = run
    self.index = index
  }
}

/// Runs the body in separate threads, 0 ..< count, and waits for them.
func onThreads(_ count: Int, _ run: @escaping @Sendable (Int) -> Void) {
  var threads: [pthread_t] = []
  for index in 0..<count {
    var thread = pthread_t()
    let body = Unmanaged.passRetained(Body(run, index))
    let status = pthread_create(
      &thread, nil,
      { raw in
        if let raw {
          let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
          body.run(body.index)
        }
        return nil
      }, body.toOpaque())
    if status == 0 { threads.append(thread) } else { body.release() }
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// fork, which Swift hides because children may do little; these children comply.
func forkProcess() -> pid_t {
  typealias Fork = @convention(c) () -> pid_t
  guard let symbol = dlsym(nil, "fork") else { return -1 }
  return unsafeBitCast(symbol, to: Fork.self)()
}

/// Returns the child's exit status; nil if it had to be killed after some seconds.
func waitForChild(_ child: pid_t, seconds: Int = 20) -> Int32? {
  for _ in 0..<seconds * 1000 {
    var status: Int32 = 0
    if waitpid(child, &status, WNOHANG) == child {
      // Normal exit: the low seven bits are 0.
      return status & 0x7F == 0 ? (status >> 8) & 0xFF : nil
    }
    usleep(1000)
  }
  kill(child, SIGKILL)
  var status: Int32 = 0
  waitpid(child, &status, 0)
  return nil
}
