import CShim
import DenpaKernelTypes
import Glibc

/// The process's only pool of threads.
///
/// Threads are created by the first call that needs them, and stay. One job runs at a time: a caller that
/// finds the pool busy, in particular one inside a chunk, runs its chunks itself. The pool's words are in
/// static C memory: nothing is created lazily, and a forked child resets them in place (`PoolWorker`).
///
/// How a job runs: the caller writes its description and opens the gate, a word that holds the job's number
/// and the seats left. A helper that takes a seat (one compare-and-swap) may read the description; its seat
/// is its worker number. The chunks are divided into as many parts as there are threads, each with a counter
/// to claim chunks from. A thread first takes the chunks of its own part, the same for job after job, so that
/// its caches are reused, and then those that others have left. The caller closes the gate, learns from its
/// last value how many helpers joined, and waits until they have finished. No thread touches a job in which
/// it has no seat.
public enum ThreadPool {
  /// The maximum number of threads of one job, whatever is requested.
  public static let maximumThreads: Int32 = 256

  /// The value for `Run.parallel`. Uses at most `run.pointee.threads` threads, including the caller.
  public static var parallel: Parallel {
    { run, count, body, context in
      let threads = run.assumingMemoryBound(to: Run.self).pointee.threads
      ThreadPool.perform(threads: min(threads, count), count, body, context)
    }
  }

  /// Returns the number of threads of a session that sets none: DENPA_THREADS if it is a number, otherwise
  /// the CPUs that this thread's affinity and its cgroup's quota allow; from 1 to 64.
  public static func defaultThreads() -> Int32 {
    if let text = getenv("DENPA_THREADS") {
      var end: UnsafeMutablePointer<CChar>?
      let asked = strtol(text, &end, 10)
      if asked >= 1, end?.pointee == 0 { return Int32(min(asked, 64)) }
    }
    return min(availableCPUs(), 64)
  }

  /// Returns the number of CPUs that this thread's affinity and its cgroup's quota allow, at least 1.
  static func availableCPUs() -> Int32 {
    let quota = denpa_cgroup_cpu_limit()
    let affinity = denpa_affinity_cpu_count()
    return max(1, quota > 0 ? min(affinity, quota) : affinity)
  }

  /// The number of threads in the pool.
  public static var running: Int { Int(denpa_atomic_load_u32(PoolWords.alive)) }

  private static func perform(
    threads: Int32, _ count: Int32, _ body: ChunkBody, _ context: UnsafeMutableRawPointer
  ) {
    guard threads > 1, denpa_atomic_load_relaxed_u32(PoolWords.busy) == 0,
      denpa_atomic_cas_u32(PoolWords.busy, 0, 1)
    else { return performAlone(count, body, context) }
    let helpers = PoolWorker.provide(min(UInt32(threads), UInt32(maximumThreads)) - 1)
    if helpers > 0 {
      let generation = denpa_atomic_load_relaxed_u32(PoolWords.generation)
      performTogether(
        helpers, Job(body: body, context: context, count: count, threads: helpers + 1), generation)
      // Also in a child forked inside this job, in which no other thread can hold the pool.
      denpa_atomic_store_u32(PoolWords.busy, 0)
    } else {
      denpa_atomic_store_u32(PoolWords.busy, 0)
      performAlone(count, body, context)
    }
  }

  private static func performAlone(_ count: Int32, _ body: ChunkBody, _ context: UnsafeMutableRawPointer) {
    var chunk: Int32 = 0
    while chunk < count {
      body(context, chunk, 0)
      chunk += 1
    }
  }

  private static func performTogether(_ helpers: UInt32, _ job: Job, _ generation: UInt32) {
    PoolWords.job.storeBytes(of: job, as: Job.self)
    for part in 0..<job.threads { denpa_atomic_store_u32(PoolWords.claimed(part), 0) }
    denpa_atomic_store_u32(PoolWords.finished, 0)
    let number = (denpa_atomic_load_relaxed_u64(PoolWords.gate) >> 32 &+ 1) << 32
    // Only if there are CPUs for all of them.
    if denpa_atomic_load_relaxed_u32(PoolWords.spin) > 0 { denpa_keep_workers_off(helpers) }
    _ = denpa_atomic_exchange_u64(PoolWords.gate, number | UInt64(helpers))
    _ = denpa_atomic_add_u32(PoolWords.signal, 1)
    let sleepers = denpa_atomic_load_ordered_u32(PoolWords.sleepers)
    if sleepers > 0 { denpa_futex_wake(PoolWords.signal, Int32(min(sleepers, helpers))) }

    job.runChunks(as: 0, from: 0)

    let left = denpa_atomic_exchange_u64(PoolWords.gate, number) & UInt64(UInt32.max)
    let joined = helpers - UInt32(left)
    if joined > 0 { waitFor(joined, generation) }
  }

  private static func waitFor(_ joined: UInt32, _ generation: UInt32) {
    var spin = PoolSpin()
    while denpa_atomic_load_u32(PoolWords.finished) < joined, spin.goesOn() {}
    guard denpa_atomic_load_u32(PoolWords.finished) < joined else { return }
    // One word holds both the finished count and the sleeping caller, so the last helper sees it or is seen.
    var finished = denpa_atomic_or_u32(PoolWords.finished, PoolWords.callerSleeps) | PoolWords.callerSleeps
    while finished & ~PoolWords.callerSleeps < joined {
      // A forked child does not have its parent's helpers.
      guard generation == denpa_atomic_load_relaxed_u32(PoolWords.generation) else { return }
      denpa_futex_wait(PoolWords.finished, finished, -1)
      finished = denpa_atomic_load_u32(PoolWords.finished)
    }
  }
}

/// What a helper needs to know about a job.
struct Job {
  var body: ChunkBody
  var context: UnsafeMutableRawPointer
  var count: Int32
  /// Including the caller.
  var threads: UInt32

  /// Claims chunks until there are none, those of part `own` first. Overshoots each counter by at most one
  /// per thread, so it cannot wrap.
  func runChunks(as worker: Int32, from own: UInt32) {
    var part = own
    denpa_set_in_job(1)
    defer { denpa_set_in_job(0) }
    for _ in 0..<threads {
      let first = start(part)
      let size = start(part + 1) - first
      while true {
        let chunk = denpa_atomic_add_u32(PoolWords.claimed(part), 1)
        if chunk >= size { break }
        body(context, Int32(first + chunk), worker)
      }
      part = part + 1 == threads ? 0 : part + 1
    }
  }

  /// The first chunk of a part.
  private func start(_ part: UInt32) -> UInt32 { UInt32(UInt64(count) * UInt64(part) / UInt64(threads)) }
}

/// The addresses of the pool's words; those written concurrently are on separate cache lines.
enum PoolWords {
  static var base: UnsafeMutableRawPointer { denpa_pool_memory() }
  /// Job number << 32 | seats left.
  static var gate: UnsafeMutableRawPointer { base }
  /// Helpers that have left the job, and `callerSleeps`.
  static var finished: UnsafeMutableRawPointer { base + 64 }
  static let callerSleeps: UInt32 = 1 << 31
  /// The number of jobs; sleeping helpers wait for it to change.
  static var signal: UnsafeMutableRawPointer { base + 128 }
  static var sleepers: UnsafeMutableRawPointer { base + 132 }
  /// 1 while a job holds the pool.
  static var busy: UnsafeMutableRawPointer { base + 192 }
  static var job: UnsafeMutableRawPointer { base + 256 }
  static var alive: UnsafeMutableRawPointer { base + 320 }
  /// The number of forks, from parent to child.
  static var generation: UnsafeMutableRawPointer { base + 324 }
  /// 1 once the fork handler is installed.
  static var prepared: UnsafeMutableRawPointer { base + 328 }
  /// The jobs left until another thread is tried after a failure.
  static var patience: UnsafeMutableRawPointer { base + 332 }
  /// The nanoseconds that a waiting thread spins before it sleeps.
  static var spin: UnsafeMutableRawPointer { base + 336 }
  /// Returns the counter of a part's claimed chunks.
  static func claimed(_ part: UInt32) -> UnsafeMutableRawPointer { base + 448 + 64 * Int(part) }
}

/// A bounded spin.
struct PoolSpin {
  private var rounds: UInt32 = 0
  private var end: UInt64 = 0

  /// Pauses; returns false when it is time to sleep.
  mutating func goesOn() -> Bool {
    rounds &+= 1
    // Reading the clock costs as much as a pause, so it is read only now and then.
    if rounds % 16 == 1 {
      let now = denpa_nanoseconds()
      if end == 0 { end = now + UInt64(denpa_atomic_load_relaxed_u32(PoolWords.spin)) }
      if now >= end { return false }
    }
    denpa_pause()
    return true
  }
}
