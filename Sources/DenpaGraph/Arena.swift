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

  static func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }

  /// Greedy by size: the largest tensors choose first, each the lowest gap that is free for its whole life (Pisarchyk & Lee,
  /// "Efficient Memory Management for Deep Neural Net Inference", 2020). With `sharing` false every tensor has its own place.
  init(_ intervals: [Interval], tensorCount: Int, sharing: Bool) throws(DenpaError) {
    offsets = Array(repeating: -1, count: tensorCount)
    var placed: [Interval] = []
    let order = intervals.indices.sorted {
      (intervals[$1].bytes, intervals[$0].tensor) < (intervals[$0].bytes, intervals[$1].tensor)
    }
    for index in order {
      let candidate = intervals[index]
      var offset = 0
      if sharing {
        // `placed` is kept in the order of offsets.
        for other in placed where other.first <= candidate.last && candidate.first <= other.last {
          let start = offsets[other.tensor]
          if offset + candidate.bytes <= start { break }
          offset = max(offset, start + other.bytes)
        }
      } else {
        offset = byteCount
      }
      offsets[candidate.tensor] = offset
      let (end, overflow) = offset.addingReportingOverflow(candidate.bytes)
      guard !overflow, end <= 1 << 47 else {
        throw DenpaError(.limitExceeded, "the plan needs more than 128 TiB of memory: use a smaller max_batch")
      }
      byteCount = max(byteCount, end)
      let position = placed.firstIndex { offsets[$0.tensor] > offset } ?? placed.count
      placed.insert(candidate, at: position)
    }
  }
}
