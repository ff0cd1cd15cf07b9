import CShim
import DenpaCore
import DenpaKernelTypes

/// When each of two chunks began.
private struct Beginnings {
  var byCaller: UInt64 = 0
  var byHelper: UInt64 = 0
}

/// How long a helper of the pool takes from the call to its first chunk, in seconds: the median of 201 jobs
/// of two chunks, with `gap` microseconds of the caller's own work between them. Helpers wait for the next
/// job awake for a while, then they sleep.
func wakeUp(gap: Int, _ run: inout Run) -> Double {
  var times: [UInt64] = []
  let parallel = run.parallel
  for _ in 0..<201 {
    let rest = denpa_nanoseconds() + UInt64(gap) * 1000
    while denpa_nanoseconds() < rest {}
    var beginnings = Beginnings()
    let start = denpa_nanoseconds()
    withUnsafeMutablePointer(to: &run) { run in
      withUnsafeMutablePointer(to: &beginnings) { beginnings in
        parallel(
          run, 2,
          { context, _, worker in
            let own = context + (worker == 0 ? 0 : 8), other = context + (worker == 0 ? 8 : 0)
            let now = denpa_nanoseconds()
            denpa_atomic_store_u64(own, now)
            // Whoever took both chunks would not wait for the other: so each waits until the other has begun,
            // but not for ever.
            while denpa_atomic_load_u64(other) == 0, denpa_nanoseconds() < now + 50_000_000 { denpa_pause() }
          }, beginnings)
      }
    }
    if beginnings.byHelper > start { times.append(beginnings.byHelper - start) }
  }
  times.sort()
  return times.isEmpty ? .nan : Double(times[times.count / 2]) * 1e-9
}
