import DenpaCore
import Glibc

/// Runs the same work in two threads at once.
enum TwoThreads {
  private final class Job {
    let body: (Int) throws(DenpaError) -> Void
    let index: Int
    var failure: DenpaError?

    init(_ index: Int, _ body: @escaping (Int) throws(DenpaError) -> Void) {
      self.index = index
      self.body = body
    }

    func run() {
      do { try body(index) } catch { failure = error }
    }
  }

  /// Calls `body` with 0 in a new thread and with 1 in this one; throws the first failure of the two when
  /// both are done.
  static func run(_ body: (Int) throws(DenpaError) -> Void) throws(DenpaError) {
    try withoutActuallyEscaping(body) { body throws(DenpaError) in
      let other = Job(0, body), own = Job(1, body)
      var thread = pthread_t()
      let context = Unmanaged.passUnretained(other).toOpaque()
      let started = pthread_create(
        &thread, nil,
        { context in
          if let context { Unmanaged<Job>.fromOpaque(context).takeUnretainedValue().run() }
          return nil
        }, context)
      guard started == 0 else { throw DenpaError(.outOfMemory, "no thread could be started for a proof") }
      own.run()
      pthread_join(thread, nil)
      if let failure = other.failure ?? own.failure { throw failure }
    }
  }
}
