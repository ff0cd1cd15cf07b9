import DenpaCore

/// Places temporaries in one block: tensors that are alive at the same time never overlap, others share
/// memory.
struct Arena {
  private(set) var offsets: [Int]
  private(set) var byteCount = 0

  struct Interval {
    var tensor: TensorID
    var first: Int
    var last: Int
    var bytes: Int
  }

  static let alignment = 64

  /// Returns the number of bytes that a tensor occupies: whole cache lines, at least one.
  static func placeBytes(_ bytes: Int) -> Int { max(aligned(bytes), alignment) }

  static func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }

  /// How the temporaries of a plan use memory.
  enum Sharing {
    /// Tensors that are never alive at the same time share memory.
    case lifetimes
    /// Each tensor has its own place.
    case none
    /// Each tensor has its own place, which ends at an inaccessible page.
    case guarded
  }

  /// Offsets of pages that are to be made inaccessible.
  private(set) var forbiddenPages: [Int] = []

  init(_ intervals: [Interval], tensorCount: Int, _ sharing: Sharing) throws(DenpaError) {
    offsets = Array(repeating: -1, count: tensorCount)
    let fits: Bool
    switch sharing {
    case .lifetimes: fits = intervals.count <= Arena.mostBySize ? share(intervals) : shareInOrder(intervals)
    case .none: fits = separate(intervals, GuardedPlaces(isGuarded: false))
    case .guarded: fits = separate(intervals, GuardedPlaces(isGuarded: true))
    }
    guard fits else {
      throw DenpaError(.limitExceeded, "the plan needs more than 128 TiB of memory: use a smaller max_batch")
    }
  }

  private mutating func separate(_ intervals: [Interval], _ places: GuardedPlaces) -> Bool {
    var places = places
    for interval in intervals {
      guard let offset = places.append(interval.bytes) else { return false }
      offsets[interval.tensor] = offset
    }
    byteCount = places.byteCount
    forbiddenPages = places.forbiddenPages
    return true
  }

  /// Places tensors greedily by size: the largest first, each in the lowest gap that is free for its whole
  /// lifetime (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
  private mutating func share(_ intervals: [Interval]) -> Bool {
    var placed: [Interval] = []
    let order = intervals.indices.sorted {
      (intervals[$1].bytes, intervals[$0].tensor) < (intervals[$0].bytes, intervals[$1].tensor)
    }
    for index in order {
      let candidate = intervals[index]
      var offset = 0
      // `placed` is kept in the order of offsets.
      for other in placed where other.first <= candidate.last && candidate.first <= other.last {
        let start = offsets[other.tensor]
        if offset + candidate.bytes <= start { break }
        offset = max(offset, start + other.bytes)
      }
      offsets[candidate.tensor] = offset
      let (end, overflow) = offset.addingReportingOverflow(candidate.bytes)
      guard !overflow, end <= 1 << 47 else { return false }
      byteCount = max(byteCount, end)
      let position = placed.firstIndex { offsets[$0.tensor] > offset } ?? placed.count
      placed.insert(candidate, at: position)
    }
    return true
  }

  /// The maximum number of tensors that are placed by size, which needs the least memory but quadratic time.
  static let mostBySize = 2048

  /// Places tensors in the order in which their lifetimes begin: each gets a free block that suits it, or new
  /// memory.
  private mutating func shareInOrder(_ intervals: [Interval]) -> Bool {
    let byFirst = intervals.sorted { ($0.first, $0.tensor) < ($1.first, $1.tensor) }
    let byLast = intervals.sorted { ($0.last, $0.tensor) < ($1.last, $1.tensor) }
    var free = FreeBlocks()
    var dead = 0
    for interval in byFirst {
      while dead < byLast.count, byLast[dead].last < interval.first {
        free.insert(offsets[byLast[dead].tensor], byLast[dead].bytes)
        dead += 1
      }
      if let offset = free.take(interval.bytes) {
        offsets[interval.tensor] = offset
        continue
      }
      let offset = free.takeLast(endingAt: byteCount) ?? byteCount
      let (end, overflow) = offset.addingReportingOverflow(interval.bytes)
      guard !overflow, end <= 1 << 47 else { return false }
      offsets[interval.tensor] = offset
      // The last block may be large enough: `take` does not find every block.
      if end < byteCount { free.insert(end, byteCount - end) }
      byteCount = max(byteCount, end)
    }
    return true
  }
}

/// Free blocks of an arena by size class, so that taking and freeing a block takes constant time; adjacent
/// blocks are joined (two-level segregated fit: Masmano et al., 2004, with one level).
private struct FreeBlocks {
  private var bytes: [Int: Int] = [:]
  /// The offset of the free block that ends at a given offset.
  private var starts: [Int: Int] = [:]
  /// For each power of two, the offsets of the blocks with at least that many bytes but less than twice as
  /// many, and some that are no longer free.
  private var classes = Array(repeating: [Int](), count: 64)

  private static func sizeClass(_ bytes: Int) -> Int { 63 - bytes.leadingZeroBitCount }

  mutating func insert(_ offset: Int, _ count: Int) {
    var offset = offset, count = count
    if let start = starts[offset], let before = bytes[start] {
      remove(start)
      offset = start
      count += before
    }
    if let behind = bytes[offset + count] {
      remove(offset + count)
      count += behind
    }
    bytes[offset] = count
    starts[offset + count] = offset
    classes[FreeBlocks.sizeClass(count)].append(offset)
  }

  private mutating func remove(_ offset: Int) {
    if let count = bytes.removeValue(forKey: offset) { starts[offset + count] = nil }
  }

  /// Takes `count` bytes from a block that is little larger, if one is found soon, and returns their offset;
  /// nil if no block was found.
  mutating func take(_ count: Int) -> Int? {
    for sizeClass in FreeBlocks.sizeClass(count)..<64 {
      var tries = 8
      while tries > 0, let offset = classes[sizeClass].last {
        // Blocks that were joined with others, or taken, are still in the lists.
        guard let size = bytes[offset], FreeBlocks.sizeClass(size) == sizeClass else {
          classes[sizeClass].removeLast()
          continue
        }
        guard size >= count else {
          // Another block of this class may be large enough.
          classes[sizeClass].swapAt(classes[sizeClass].count - 1, classes[sizeClass].count / 2)
          tries -= 1
          continue
        }
        classes[sizeClass].removeLast()
        remove(offset)
        if size > count { insert(offset + count, size - count) }
        return offset
      }
    }
    return nil
  }

  /// Takes the free block that ends at `end`, which the caller extends, and returns its offset.
  mutating func takeLast(endingAt end: Int) -> Int? {
    guard let offset = starts[end] else { return nil }
    remove(offset)
    return offset
  }
}
