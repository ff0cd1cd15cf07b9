/// The programs of the most recently used batch sizes of an executor, so that training on thousands of sizes
/// does not keep thousands of programs.
struct ProgramCache {
  private struct Entry {
    var set: ArgumentSet
    var lastUse: UInt64
  }

  /// The maximum number of programs.
  var limit = 64
  private var entries: [Int: Entry] = [:]
  private var clock: UInt64 = 0

  var count: Int { entries.count }

  mutating func program(rows: Int) -> Program? {
    guard let index = entries.index(forKey: rows) else { return nil }
    clock += 1
    entries.values[index].lastUse = clock
    return entries.values[index].set.program
  }

  /// Adds a program. If there are too many, it replaces the least recently used one.
  mutating func insert(_ set: ArgumentSet) {
    if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      entries[oldest.key] = nil
    }
    clock += 1
    entries[set.program.rows] = Entry(set: set, lastUse: clock)
  }
}
