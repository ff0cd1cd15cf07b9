import CShim
import Glibc

/// The pool's threads: their creation, their life, and their end in a forked child.
enum PoolWorker {
  /// As much as a main thread has, because plugins' chunks run on it. Pages are committed when touched.
  private static let stackBytes = 8 << 20
  /// Longer than the gaps between the parallel parts of one training step, much shorter than a time slice.
  private static let spinNanoseconds: UInt32 = 30_000
  /// The number of jobs to wait before a failed pthread_create is retried.
  private static let patience: UInt32 = 1024

  /// Ensures that there are `wanted` threads, if the system allows them, and returns their number. Only for
  /// the holder of the pool.
  static func provide(_ wanted: UInt32) -> UInt32 {
    var alive = denpa_atomic_load_u32(PoolWords.alive)
    if alive < wanted, prepare() {
      let blocked = blockSignals()
      while alive < wanted, start(number: alive + 1) {
        alive += 1
        denpa_atomic_store_u32(PoolWords.alive, alive)
      }
      unblockSignals(blocked)
      if alive < wanted { denpa_atomic_store_u32(PoolWords.patience, patience) }
      // With more threads than CPUs a spinning thread keeps a working one off its CPU.
      let fits = alive < UInt32(ThreadPool.availableCPUs())
      denpa_atomic_store_u32(PoolWords.spin, fits ? spinNanoseconds : 0)
    }
    return min(alive, wanted)
  }

  /// Whether a thread may be created: not soon after a failure, and not without the fork handler.
  private static func prepare() -> Bool {
    let left = denpa_atomic_load_u32(PoolWords.patience)
    guard left == 0 else {
      denpa_atomic_store_u32(PoolWords.patience, left - 1)
      return false
    }
    if denpa_atomic_load_u32(PoolWords.prepared) == 1 { return true }
    guard pthread_atfork(nil, nil, { PoolWorker.forget() }) == 0 else { return false }
    denpa_atomic_store_u32(PoolWords.prepared, 1)
    return true
  }

  /// Runs in a forked child, whose only thread this is. The job's description and counters are kept: a child
  /// forked inside a chunk goes on alone with the unclaimed chunks, and the pool is taken until then.
  private static func forget() {
    denpa_atomic_store_u32(PoolWords.generation, denpa_atomic_load_u32(PoolWords.generation) &+ 1)
    denpa_atomic_store_u64(PoolWords.gate, denpa_atomic_load_u64(PoolWords.gate) & ~UInt64(UInt32.max))
    denpa_atomic_store_u32(PoolWords.sleepers, 0)
    denpa_atomic_store_u32(PoolWords.alive, 0)
    denpa_atomic_store_u32(PoolWords.patience, 0)
    denpa_atomic_store_u32(PoolWords.busy, denpa_in_job() != 0 ? 1 : 0)
    denpa_forget_workers()
  }

  /// Leaves the host's signals to its threads: blocks them before a thread is created, which inherits the
  /// mask. Synchronous ones stay unblocked, so that the host's crash handler sees a fault in a plugin's
  /// chunk.
  private static func blockSignals() -> sigset_t {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    for own in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS] { sigdelset(&all, own) }
    pthread_sigmask(SIG_BLOCK, &all, &before)
    return before
  }

  private static func unblockSignals(_ before: sigset_t) {
    var before = before
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  private static func start(number: UInt32) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let argument = UnsafeMutableRawPointer(bitPattern: UInt(number))
    return pthread_create(
      &thread, &attributes,
      { argument in
        PoolWorker.live(number: UInt(bitPattern: argument))
        return nil
      }, argument) == 0
  }

  private static func live(number: UInt) {
    denpa_name_worker(UInt32(number))
    denpa_worker_begins(UInt32(number))
    let generation = denpa_atomic_load_u32(PoolWords.generation)
    // A job is joined only once. 0 is in effect no job's number.
    var last: UInt64 = 0
    var spin = PoolSpin()
    // A chunk that forks makes its thread the child's only one, which must not wait for jobs there.
    while generation == denpa_atomic_load_relaxed_u32(PoolWords.generation) {
      if let (job, worker, id) = join(notAgain: last) {
        last = id
        denpa_worker_is_here(UInt32(number))
        denpa_fp_set_state(denpa_fp_canonical())
        // There may be more threads than this job wants, and different ones may join each time.
        job.runChunks(as: worker, from: number < UInt(job.threads) ? UInt32(number) : UInt32(worker))
        leave(generation)
        spin = PoolSpin()
      } else if !spin.goesOn() {
        sleep(last)
        spin = PoolSpin()
      }
    }
  }

  /// Takes a seat if a job has one.
  private static func join(notAgain last: UInt64) -> (job: Job, worker: Int32, id: UInt64)? {
    let gate = denpa_atomic_load_u64(PoolWords.gate)
    let seats = gate & UInt64(UInt32.max)
    guard seats > 0, gate >> 32 != last, denpa_atomic_cas_u64(PoolWords.gate, gate, gate - 1) else {
      return nil
    }
    let job = PoolWords.job.load(as: Job.self)
    return (job, Int32(job.threads) - Int32(seats), gate >> 32)
  }

  private static func leave(_ generation: UInt32) {
    guard generation == denpa_atomic_load_relaxed_u32(PoolWords.generation) else { return }
    let before = denpa_atomic_add_u32(PoolWords.finished, 1)
    if before & PoolWords.callerSleeps != 0 { denpa_futex_wake(PoolWords.finished, 1) }
  }

  private static func sleep(_ last: UInt64) {
    let signal = denpa_atomic_load_ordered_u32(PoolWords.signal)
    _ = denpa_atomic_add_u32(PoolWords.sleepers, 1)
    let gate = denpa_atomic_load_ordered_u64(PoolWords.gate)
    // A job that opens after this changes the signal first and then looks for sleepers.
    if gate & UInt64(UInt32.max) == 0 || gate >> 32 == last { denpa_futex_wait(PoolWords.signal, signal, -1) }
    _ = denpa_atomic_sub_u32(PoolWords.sleepers, 1)
  }
}
