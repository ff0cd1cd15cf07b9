import DenpaCore
import Testing

@testable import DenpaGraph

/// Lifetimes like those of a training plan with `steps` layers: values live until their gradient is computed.
private func training(_ steps: Int, _ bytes: (Int) -> Int) -> [Arena.Interval] {
  var result: [Arena.Interval] = []
  for step in 0..<steps {
    let back = 2 * steps - step
    result.append(Arena.Interval(tensor: 2 * step, first: step, last: back, bytes: bytes(step)))
    result.append(Arena.Interval(tensor: 2 * step + 1, first: back, last: back + 1, bytes: bytes(step)))
  }
  return result
}

/// Lifetimes like those of inference: each value lives until the next one is computed.
private func inference(_ steps: Int, _ bytes: (Int) -> Int) -> [Arena.Interval] {
  (0..<steps).map { Arena.Interval(tensor: $0, first: $0, last: $0 + 1, bytes: bytes($0)) }
}

private func random(_ count: Int, _ seed: UInt64) -> [Arena.Interval] {
  let random = Random(seed: seed, stream: 1)
  return (0..<count).map { tensor in
    let first = Int(random.below(UInt64(2 * count), UInt64(3 * tensor)))
    let length = Int(
      random.below(UInt64(1) << random.below(10, UInt64(3 * tensor + 1)), UInt64(3 * tensor + 1)))
    let bytes = Int(
      random.below(UInt64(1) << random.below(16, UInt64(3 * tensor + 2)), UInt64(3 * tensor + 2)))
    return Arena.Interval(
      tensor: tensor, first: first, last: first + length, bytes: Arena.placeBytes(bytes))
  }
}

/// Returns the maximum number of bytes that are alive at one time.
private func leastBytes(_ intervals: [Arena.Interval]) -> Int {
  var changes: [Int: Int] = [:]
  for interval in intervals {
    changes[interval.first, default: 0] += interval.bytes
    changes[interval.last + 1, default: 0] -= interval.bytes
  }
  var alive = 0, most = 0
  for time in changes.keys.sorted() {
    alive += changes[time] ?? 0
    most = max(most, alive)
  }
  return most
}

/// Returns whether no two tensors that are alive at the same time share memory: sweeps over time, with the
/// used places in the order of their offsets.
private func areApart(_ intervals: [Arena.Interval], _ arena: Arena) -> Bool {
  var events: [(time: Int, isEnd: Bool, index: Int)] = []
  for (index, interval) in intervals.enumerated() {
    events.append((interval.first, false, index))
    events.append((interval.last + 1, true, index))
  }
  events.sort { ($0.time, $0.isEnd ? 0 : 1) < ($1.time, $1.isEnd ? 0 : 1) }
  var taken: [(offset: Int, end: Int)] = []
  for event in events {
    let offset = arena.offsets[intervals[event.index].tensor]
    let end = offset + intervals[event.index].bytes
    guard offset >= 0, end <= arena.byteCount, offset % Arena.alignment == 0 else { return false }
    let place = taken.firstIndex { $0.offset >= offset } ?? taken.count
    if event.isEnd {
      taken.remove(at: place)
    } else {
      if place < taken.count, taken[place].offset < end { return false }
      if place > 0, taken[place - 1].end > offset { return false }
      taken.insert((offset, end), at: place)
    }
  }
  return true
}

/// Plans with fewer and with more tensors than are placed by size.
@Test func temporariesThatLiveTogetherAreApart() throws {
  let sizes: [(Int) -> Int] = [
    { _ in 256 }, { 64 * (1 + $0 % 7) }, { 64 * (1 + $0 % 100) }, { $0 % 2 == 0 ? 64 : 8192 },
  ]
  for steps in [1, 2, 100, 1024, 1500, 3000] {
    for bytes in sizes {
      for intervals in [training(steps, bytes), inference(steps, bytes)] {
        let arena = try Arena(intervals, tensorCount: 2 * steps, .lifetimes)
        #expect(areApart(intervals, arena), "\(steps)")
        #expect(arena.byteCount <= 2 * leastBytes(intervals), "\(steps): \(arena.byteCount)")
      }
    }
  }
  for seed in 0..<20 {
    for count in [50, 500, 2500] {
      let intervals = random(count, UInt64(seed))
      let arena = try Arena(intervals, tensorCount: count, .lifetimes)
      #expect(areApart(intervals, arena), "\(seed) \(count)")
      #expect(arena.byteCount <= 3 * leastBytes(intervals), "\(seed) \(count): \(arena.byteCount)")
    }
  }
}
