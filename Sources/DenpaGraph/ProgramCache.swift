/// The programs of the batch sizes that an executor met last: who trains on thousands of sizes does not keep
/// thousands.
struct ProgramCache {
  private struct Entry {
    var set: ArgumentSet
    var lastUse: UInt64
  }

  /// How many are kept.
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

  /// Keeps a new program, instead of the one that was used longest ago where there are too many.
  mutating func insert(_ set: ArgumentSet) {
    if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      entries[oldest.key] = nil
    }
    clock += 1
    entries[set.program.rows] = Entry(set: set, lastUse: clock)
  }
}
