import CShim
import DenpaCore
import DenpaKernelTypes
import Glibc
import Testing

/// What the chunks of a test read and write.
private struct Work {
  var visits: UnsafeMutablePointer<UInt32>
  /// One bit for each worker number that occurred.
  var workers: UInt64 = 0
  var spin: UInt32 = 0
  var wrong: UInt32 = 0
}

private func run(_ threads: Int32, _ count: Int32, _ context: UnsafeMutableRawPointer, _ body: ChunkBody) {
  var run = Run(parallel: ThreadPool.parallel, threads: threads)
  run.parallel(&run, count, body, context)
}

/// Checks that every chunk ran once. Returns the workers' bits.
@discardableResult
private func check(threads: Int32, count: Int32, spin: UInt32 = 0, nested: Bool = false) -> UInt64 {
  let visits = UnsafeMutablePointer<UInt32>.allocate(capacity: max(Int(count), 1))
  visits.initialize(repeating: 0, count: max(Int(count), 1))
  defer { visits.deallocate() }
  var work = Work(visits: visits, spin: spin)
  let body: ChunkBody = { context, chunk, worker in
    let work = context.assumingMemoryBound(to: Work.self)
    // Not atomic: only one thread may ever write it, and the caller reads it afterwards; ThreadSanitizer
    // checks this.
    work.pointee.visits[Int(chunk)] += 1
    if worker < 0 || worker >= 64 { work.pointee.wrong = 1 }
    _ = denpa_atomic_or_u64(context + 8, 1 << UInt64(worker))
    for _ in 0..<work.pointee.spin { denpa_pause() }
  }
  let outer: ChunkBody = { context, chunk, worker in
    let work = context.assumingMemoryBound(to: Work.self)
    work.pointee.visits[Int(chunk)] += 1
    check(threads: 4, count: 9)
  }
  withUnsafeMutablePointer(to: &work) { run(threads, count, $0, nested ? outer : body) }
  for chunk in 0..<max(Int(count), 0) where visits[chunk] != 1 { work.wrong = 2 }
  #expect(work.wrong == 0, "threads \(threads), count \(count)")
  #expect(work.workers >> UInt64(max(threads, 1)) == 0)
  return work.workers
}

@Suite(.serialized) struct ThreadPoolTests {
  @Test func everyChunkOnce() {
    for threads: Int32 in [-1, 0, 1, 2, 3, 4, 8, 16] {
      for count: Int32 in [0, 1, 2, 3, 7, 64, 1000] {
        for _ in 0..<5 { check(threads: threads, count: count) }
      }
    }
  }

  @Test func helpersHelp() {
    var seen: UInt64 = 0
    for _ in 0..<1000 where seen.nonzeroBitCount < 3 { seen |= check(threads: 3, count: 64, spin: 5000) }
    #expect(seen == 0b111)
    #expect(ThreadPool.running >= 2)
  }

  @Test func oneThreadIsTheCaller() {
    #expect(check(threads: 1, count: 100) == 1)
    #expect(check(threads: 8, count: 1) == 1)
  }

  /// A helper that has not run yet, or that a fork left with the parent, has no CPU, so no thread is moved
  /// because of it. (Its thread number would be 0 there, which for Linux is the caller.)
  @Test func unknownHelpersAreNotMoved() {
    denpa_forget_workers()
    let before = denpa_affinity_cpu_count()
    for _ in 0..<3 {
      denpa_keep_workers_off(255)
      usleep(2000)
    }
    #expect(denpa_affinity_cpu_count() == before)
  }

  @Test func nestedWorkRunsInline() {
    for _ in 0..<50 { check(threads: 4, count: 16, nested: true) }
  }

  @Test func manyCallersAtOnce() {
    onThreads(8) { _ in
      for round in 0..<300 { check(threads: 4, count: Int32(round % 40)) }
    }
  }

  /// Whatever the pause before a job, sleeping helpers are woken and spinning ones are found.
  @Test func pausesBetweenJobs() {
    for round in 0..<300 {
      check(threads: 4, count: 8, spin: UInt32(round % 7) * 50)
      if round % 3 == 0 { usleep(UInt32(round % 120)) }
    }
  }

  @Test func workersAreQuietGuests() {
    check(threads: 3, count: 64, spin: 5000)
    var names: [String] = []
    if let folder = opendir("/proc/self/task") {
      while let entry = readdir(folder) {
        let task = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard let file = fopen("/proc/self/task/\(task)/status", "r") else { continue }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        var name = ""
        while fgets(&line, 256, file) != nil {
          let text = line.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
          if text.hasPrefix("Name:") { name = String(text.dropFirst(6).dropLast()) }
          if text.hasPrefix("SigBlk:"), name.hasPrefix("denpa-") {
            names.append(name)
            let mask = UInt64(text.dropFirst(8).dropLast(), radix: 16) ?? 0
            for signal in [SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF] {
              #expect(mask >> UInt64(signal - 1) & 1 == 1)
            }
            #expect(mask >> UInt64(SIGSEGV - 1) & 1 == 0)
          }
        }
      }
      closedir(folder)
    }
    #expect(names.count == ThreadPool.running)
    #expect(names.contains("denpa-1"))
  }

  @Test(.enabled(if: !isThreadSanitized)) func forkedChildrenWork() {
    check(threads: 4, count: 64)
    let stop = Shared()
    let failures = Shared()
    // The pool is busy, and none of the threads that use it exists in the child.
    onThreads(3) { index in
      if index > 0 {
        while stop.value == 0 { check(threads: 4, count: 64, spin: 20) }
        return
      }
      for _ in 0..<100 {
        let child = forkProcess()
        if child == 0 {
          for _ in 0..<20 { childCheck() }
          _exit(ThreadPool.running > 0 ? 0 : 2)
        }
        if child < 0 || waitForChild(child) != 0 { failures.add() }
      }
      stop.set(1)
    }
    #expect(failures.value == 0)
  }

  /// If no thread can be created, the caller works alone.
  @Test(.enabled(if: !isThreadSanitized)) func withoutThreads() {
    let child = forkProcess()
    if child == 0 {
      // RLIMIT_NPROC, which does not apply to root.
      if getuid() == 0, setuid(65534) != 0 { _exit(4) }
      var limit = rlimit(rlim_cur: 0, rlim_max: 0)
      if setrlimit(__rlimit_resource_t(6), &limit) != 0 { _exit(5) }
      for _ in 0..<5 { childCheck() }
      _exit(ThreadPool.running == 0 ? 0 : 2)
    }
    #expect(child > 0)
    #expect(waitForChild(child) == 0)
  }

  /// A chunk may fork, too: its child runs the remaining chunks alone and neither hangs nor crashes.
  @Test(.enabled(if: !isThreadSanitized)) func chunksMayFork() {
    let children = Shared()
    run(3, 12, UnsafeMutableRawPointer(children.word)) { context, chunk, worker in
      usleep(100)
      // Nested work runs immediately, also in the child, whose chunks are still those of the outer job.
      run(3, 5, context) { _, _, _ in }
      guard chunk == 5 else { return }
      let child = forkProcess()
      if child == 0, worker > 0 { _exit(0) }
      if child == 0 { alarm(10) } else if waitForChild(child) == 0 { _ = denpa_atomic_add_u64(context, 1) }
    }
    if children.value == 0 { _exit(0) }
    #expect(children.value == 1)
  }
}

/// Without the test library, which a forked child must not enter.
private func childCheck() {
  let count = Shared()
  run(3, 50, UnsafeMutableRawPointer(count.word)) { context, _, _ in
    _ = denpa_atomic_add_u64(context, 1)
    for _ in 0..<100 { denpa_pause() }
  }
  if count.value != 50 { _exit(3) }
}

/// ThreadSanitizer allows no threads in the child of a process with threads.
private let isThreadSanitized = dlsym(nil, "__tsan_init") != nil
