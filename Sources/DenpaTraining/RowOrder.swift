import DenpaCore
import DenpaGraph

/// How the rows of an epoch are chosen.
public enum Sampling: Int32, Sendable {
  /// Each row once, in an order that is new for each epoch.
  case shuffled = 0
  /// Each row once, in the given order.
  case inOrder = 1
  /// Any row at any time, all of them equally likely.
  case withReplacement = 2
  /// Likewise, with a probability in proportion to a weight of its own.
  case weighted = 3
}

/// The rows of an epoch, in the order in which a model is trained on them.
final class RowOrder {
  /// The rows of this epoch; nil: all of them, in the given order.
  let rows: UnsafeMutableBufferPointer<Int64>?
  /// The number of rows in an epoch.
  let count: Int
  private static let limit = 1 << 47
  private let sampling: Sampling
  /// The rows that are chosen among; nil: all.
  private let among: RowSplit.Part?
  private let known: Int
  private let seed: UInt64
  private let memory: Buffer?
  /// The sums of the weights up to each row.
  private let sums: Buffer?

  /// `count`: the rows in an epoch; nil: as many as there are.
  init(
    of total: Int, among: RowSplit.Part?, _ sampling: Sampling, weights: TensorView?, count: Int?,
    seed: UInt64
  ) throws(DenpaError) {
    self.sampling = sampling
    self.among = among
    self.seed = seed
    known = among?.rows.count ?? total
    let wanted = count ?? known
    self.count = wanted
    guard wanted <= known || sampling == .withReplacement || sampling == .weighted else {
      throw DenpaError(
        .badArgument,
        "epoch_rows: an epoch without replacement has at most \(known) rows, got \(wanted)")
    }
    guard wanted <= RowOrder.limit else {
      throw DenpaError(
        .limitExceeded, "epoch_rows: an epoch has at most \(RowOrder.limit) rows, got \(wanted)")
    }
    guard sampling != .inOrder || among != nil else {
      (memory, rows, sums) = (nil, nil, nil)
      return
    }
    let memory = try Buffer(byteCount: max(known, wanted) * 8, zeroed: false, "the order of the rows")
    self.memory = memory
    rows = UnsafeMutableBufferPointer(
      start: memory.base.bindMemory(to: Int64.self, capacity: max(known, wanted)), count: max(known, wanted))
    sums = sampling == .weighted ? try RowOrder.sums(weights, total, among) : nil
  }

  /// Epochs are counted over the trainer's lifetime.
  func start(epoch: Int64) {
    guard let rows else { return }
    let random = Random(seed: seed, stream: 0x7368_7566_666c_6531, step: UInt64(epoch))
    switch sampling {
    case .shuffled: random.permutation(into: UnsafeMutableBufferPointer(rebasing: rows[..<known]))
    case .inOrder: for index in 0..<known { rows[index] = Int64(index) }
    case .withReplacement:
      for index in 0..<count { rows[index] = Int64(random.below(UInt64(known), UInt64(index))) }
    case .weighted: draw(random, rows)
    }
    guard let among else { return }
    for index in 0..<max(count, sampling == .shuffled ? known : 0) {
      rows[index] = among.rows[Int(rows[index])]
    }
  }

  private func draw(_ random: Random, _ rows: UnsafeMutableBufferPointer<Int64>) {
    guard let sums else { return }
    let known = UnsafeBufferPointer(
      start: UnsafePointer(sums.base.assumingMemoryBound(to: Double.self)), count: known)
    let total = known[known.count - 1]
    for index in 0..<count {
      let point = random.uniform(UInt64(index)) * total
      var lower = 0, upper = known.count - 1
      while lower < upper {
        let middle = (lower + upper) / 2
        if known[middle] > point { upper = middle } else { lower = middle + 1 }
      }
      rows[index] = Int64(lower)
    }
  }

  private static func sums(
    _ weights: TensorView?, _ total: Int, _ among: RowSplit.Part?
  ) throws(DenpaError) -> Buffer {
    guard let weights, let data = weights.data else {
      throw DenpaError(.badArgument, "weighted sampling needs row_weights")
    }
    guard weights.type.shape == [total], weights.type.dtype.isFloat else {
      throw DenpaError(
        .badShape,
        "row_weights: expected one float for each row, (\(total),), got \(weights.type.dtype) \(weights.type.shape)"
      )
    }
    let count = among?.rows.count ?? total
    let result = try Buffer(byteCount: count * 8, zeroed: false, "the weights of the rows")
    let sums = result.base.bindMemory(to: Double.self, capacity: count)
    let isDouble = weights.type.dtype == .float64, stride = weights.strides.map { Int($0[0]) } ?? 1
    var sum = 0.0
    for index in 0..<count {
      let row = among.map { Int($0.rows[index]) } ?? index, place = row * stride
      let weight =
        isDouble
        ? data.loadUnaligned(fromByteOffset: place * 8, as: Double.self)
        : Double(data.loadUnaligned(fromByteOffset: place * 4, as: Float.self))
      guard weight >= 0, weight.isFinite else {
        throw DenpaError(.badArgument, "row_weights: row \(row) has the weight \(weight); it is 0 or more")
      }
      sum += weight
      sums[index] = sum
    }
    guard sum > 0, sum.isFinite else {
      throw DenpaError(.badArgument, "row_weights: their sum is \(sum); it has to be positive and finite")
    }
    return result
  }
}

/// A division of rows into those that are trained on and those that are held out for validation, drawn from
/// the seed; the same for each `fit` of a trainer on as many rows.
struct RowSplit {
  /// Some of the rows, in ascending order.
  struct Part {
    let rows: UnsafeBufferPointer<Int64>
  }

  let training: Part
  let validation: Part
  private let memory: Buffer

  /// `classes`: the class number of each row, if each class is divided in the same proportion.
  init(
    _ count: Int, fraction: Double, classes: ((Int) -> Int64)?, seed: UInt64
  ) throws(DenpaError) {
    memory = try Buffer(byteCount: count * 16, zeroed: true, "the rows that are held out")
    let order = UnsafeMutableBufferPointer(
      start: memory.base.bindMemory(to: Int64.self, capacity: 2 * count), count: count)
    let result = UnsafeMutableBufferPointer(start: order.baseAddress.map { $0 + count }, count: count)
    Random(seed: seed, stream: 0x7370_6c69_74).permutation(into: order)
    // In each class, the first of the shuffled rows are held out. Without classes there is one.
    var members: [Int64: Int] = [:]
    if let classes {
      for row in 0..<count { members[classes(row), default: 0] += 1 }
    } else {
      members[0] = count
    }
    var left = members.mapValues { Int((Double($0) * fraction).rounded()) }
    let heldOut = left.values.reduce(0, +)
    try checkMemory("the rows that are held out")
    guard heldOut > 0, heldOut < count else {
      throw DenpaError(
        .badArgument,
        "validation_fraction \(fraction) of \(count) rows leaves \(count - heldOut) to train on and \(heldOut) to validate: both need one"
      )
    }
    for position in 0..<count {
      let row = order[position], label = classes?(Int(row)) ?? 0
      guard let rest = left[label], rest > 0 else { continue }
      left[label] = rest - 1
      result[Int(row)] = 1  // held out
    }
    var next = (training: 0, validation: count - heldOut)
    for row in 0..<count {
      if result[row] == 0 {
        order[next.training] = Int64(row)
        next.training += 1
      } else {
        order[next.validation] = Int64(row)
        next.validation += 1
      }
    }
    training = Part(rows: UnsafeBufferPointer(rebasing: order[..<(count - heldOut)]))
    validation = Part(rows: UnsafeBufferPointer(rebasing: order[(count - heldOut)...]))
  }
}
