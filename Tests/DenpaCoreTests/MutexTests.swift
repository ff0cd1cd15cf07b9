import DenpaCore
import Testing

@Suite struct MutexTests {
  private final class Counter: @unchecked Sendable {
    let mutex = Mutex()
    var value = 0
  }

  @Test func excludes() {
    let counter = Counter()
    onThreads(8) { _ in
      for _ in 0..<10_000 { counter.mutex.withLock { counter.value += 1 } }
    }
    #expect(counter.value == 80_000)
  }

  @Test func tryLock() {
    let counter = Counter()
    #expect(counter.mutex.tryLock())
    onThreads(1) { _ in #expect(!counter.mutex.tryLock()) }
    counter.mutex.unlock()
    #expect(throws: DenpaError.self) {
      try counter.mutex.withLock { () throws(DenpaError) in throw DenpaError(.busy, "x") }
    }
    #expect(counter.mutex.tryLock())
    counter.mutex.unlock()
  }
}
