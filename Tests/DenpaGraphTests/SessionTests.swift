import DenpaCore
import DenpaGraph
import Glibc
import Testing

@Suite struct SessionTests {
  @Test func eachRowIsTheSameInEveryBatch() throws {
    let model = try mlp([6, 33, 5], activation: "tanh", softmax: true)
    let session = try Session(model, maximumRows: 17, threads: 1, realtime: false)
    let x = random(17 * 6)
    let all = try Array2([Double](repeating: 0, count: 17 * 5), 17, 5)
    try session.predict(try Array2(x, 17, 6).view, all.view)
    for rows in [0, 1, 2, 3, 5, 16] {
      let part = try Array2([Double](repeating: 0, count: rows * 5), rows, 5)
      try session.predict(try Array2(Array(x[..<(rows * 6)]), rows, 6).view, part.view)
      #expect(part.values == Array(all.values[..<(rows * 5)]), "\(rows) rows")
    }
    let sample = try Array2([Double](repeating: 0, count: 5), 5)
    try session.predict(try Array2(Array(x[..<6]), 6).view, sample.view)
    #expect(sample.values == Array(all.values[..<5]))
  }

  @Test func wrongTensorsChangeNothing() throws {
    let model = try mlp([3, 2], activation: "relu")
    let session = try Session(model, maximumRows: 4, threads: 1, realtime: false)
    let y = try Array2([7, 7, 7, 7], 2, 2)
    let x = try Array2(random(6), 2, 3)
    #expect(status { try session.predict(try Array2(random(8), 2, 4).view, y.view) }?.0 == .badShape)
    #expect(status { try session.predict(try Array2(random(15), 5, 3).view, y.view) }?.0 == .badShape)
    #expect(status { try session.predict(x.view, try Array2(random(6), 3, 2).view) }?.0 == .badShape)
    #expect(status { try session.predict(TensorView(nil, x.view.type), y.view) }?.0 == .badArgument)
    #expect(y.values == [7, 7, 7, 7])
  }

  @Test func realtimeSessionsAreRefusedWhatTheyCannotPromise() throws {
    let model = try mlp([3, 2], activation: "relu")
    #expect(status { _ = try Session(model, maximumRows: 4, threads: 2, realtime: true) }?.0 == .badArgument)
    #expect(
      status { _ = try Session(model, maximumRows: 5000, threads: 1, realtime: true) }?.0 == .limitExceeded)
  }

  /// All weights are one constant c, and new constants are published while other threads predict: each
  /// prediction must be that of a single c.
  @Test func nobodySeesHalfAnUpdate() throws {
    let model = try mlp([8, 64, 64, 1], activation: "relu")
    let rounds = 300
    final class Outcome: @unchecked Sendable {
      let mutex = Mutex()
      var mixed = 0, seen = Set<Double>(), isOver = false
      func add(_ value: Double, _ isWhole: Bool) {
        mutex.withLock {
          seen.insert(value)
          if !isWhole { mixed += 1 }
        }
      }
      /// Runs until each of the constants has been seen, because it takes a while until two threads overlap.
      var goesOn: Bool { mutex.withLock { seen.count < 4 } }
      var wantsMore: Bool { mutex.withLock { !isOver } }
      func end() { mutex.withLock { isOver = true } }
    }
    let outcome = Outcome()
    // With weights and biases all c and x = 0: h1 = c, h2 = 64c² + c, y = 64c(64c² + c) + c.
    func expected(_ c: Double) -> Double { 64 * c * (64 * c * c + c) + c }
    let layout = model.layout.byteCount / 8
    let block = UnsafeMutablePointer<Double>.allocate(capacity: layout)
    defer { block.deallocate() }
    block.update(repeating: 1, count: layout)
    try model.publish(block)
    let valid = Set((1...4).map { expected(Double($0)) })
    final class Job: @unchecked Sendable {
      let body: () -> Void
      init(_ body: @escaping () -> Void) { self.body = body }
    }
    var threads: [pthread_t] = []
    for _ in 0..<3 {
      let session = try Session(model, maximumRows: 1, threads: 1, realtime: true)
      let x = try Array2([Double](repeating: 0, count: 8), 1, 8), y = try Array2([0], 1, 1)
      let job = Job {
        while outcome.wantsMore {
          do { try session.predict(x.view, y.view) } catch { outcome.add(.nan, false) }
          outcome.add(y.values[0], valid.contains(y.values[0]))
        }
      }
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, Unmanaged.passRetained(job).toOpaque())
      threads.append(thread)
    }
    var published = 0
    while published < rounds || (published < 1000 * rounds && outcome.goesOn) {
      block.update(repeating: Double(published % 4 + 1), count: layout)
      try model.publish(block)
      published += 1
    }
    outcome.end()
    for thread in threads { pthread_join(thread, nil) }
    #expect(outcome.mixed == 0)
    #expect(outcome.seen == valid)
    let settled = try model.view(0)
    #expect(doubles(settled).allSatisfy { $0 == Double((published - 1) % 4 + 1) })
  }
}
