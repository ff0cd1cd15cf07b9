import DenpaCore

/// Lays temporaries into one block: tensors that are alive at the same time never overlap, others share.
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

  /// What a tensor takes: whole cache lines, at least one.
  static func placeBytes(_ bytes: Int) -> Int { max(aligned(bytes), alignment) }

  static func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }

  /// How the temporaries of a plan use memory.
  enum Sharing {
    /// Tensors that are never alive at the same time share memory.
    case lifetimes
    /// Each tensor has its own place.
    case none
    /// Likewise, and each place ends at an inaccessible page.
    case guarded
  }

  /// Offsets of pages that are to be made inaccessible.
  private(set) var forbiddenPages: [Int] = []

  init(_ intervals: [Interval], tensorCount: Int, _ sharing: Sharing) throws(DenpaError) {
    offsets = Array(repeating: -1, count: tensorCount)
    let fits: Bool
    switch sharing {
    case .lifetimes: fits = share(intervals)
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

  /// Greedy by size: the largest tensors choose first, each the lowest gap that is free for its whole life
  /// (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
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
}
