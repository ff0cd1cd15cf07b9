import DenpaCore
import DenpaGraph

/// What a trainer remembers besides the parameters, so that training can go on elsewhere as if it had never
/// stopped. A forward that waits for its backward is not part of it.
public struct TrainerMemory {
  /// The steps of the optimizer, the epochs, the forwards by which random numbers are keyed, the batches whose
  /// gradients wait for a step, and whether there are gradients to which others are added.
  public var counts: [Int64]
  /// The learning rate, then what the schedule and an optimizer that searches remember, then the number of
  /// weights in their average.
  public var rates: [Double]
  /// Where `fit` is; empty: there is none.
  public var fit: [Double]

  public init(counts: [Int64], rates: [Double], fit: [Double]) {
    (self.counts, self.rates, self.fit) = (counts, rates, fit)
  }

  /// Above what any training counts, and far enough from the end of the numbers to go on counting.
  fileprivate static let largestCount: Int64 = 1 << 53

  fileprivate var hasGradients: Bool { counts.count == 5 && counts[4] == 1 }
}

extension Trainer {
  public var memory: TrainerMemory {
    let average = optimization?.average.map { [Double($0.count)] } ?? []
    return TrainerMemory(
      counts: [
        stepCount, epochCount, Int64(bitPattern: forwardCount), Int64(accumulated),
        hasGradients || accumulated > 0 ? 1 : 0,
      ],
      rates: [learningRate] + scheduleState + searchNumbers + average,
      fit: fitMemory?.numbers ?? [])
  }

  /// The tensors of a trainer with this memory, by names such as "optimizer/first/hidden.W". Those that the
  /// model has are not among them: its parameters.
  public func tensors(of memory: TrainerMemory) -> [(name: String, view: TensorView)] {
    var result = optimization?.tensors(of: parameters) ?? []
    // Where there is an average, the model has it, and training goes on from the weights.
    if optimization?.average != nil { result += tensors("weights", in: weights, trained: true) }
    if memory.hasGradients { result += tensors("gradient", in: gradients, trained: true) }
    return result
  }

  /// The weights of the best epoch of the fit that runs or was interrupted.
  public var bestTensors: [(name: String, view: TensorView)] {
    guard let memory = fitMemory, memory.best != nil, let kept = memory.bestWeights else { return [] }
    return tensors("best", in: kept, trained: false)
  }

  /// Returns names and room for the weights of the best epoch of a fit that is to be loaded.
  public func makeBestTensors() throws(DenpaError) -> (Buffer, [(name: String, view: TensorView)]) {
    let room = try model.layout.makeBuffer(zeroed: true, "the best weights")
    return (room, tensors("best", in: room, trained: false))
  }

  private func tensors(
    _ prefix: String, in memory: Buffer, trained: Bool
  ) -> [(name: String, view: TensorView)] {
    parameters.indices.filter { !trained || parameters[$0].isTrained }.map { index in
      (
        name: "\(prefix)/\(parameters[index].name)",
        view: TensorView(memory.base + model.layout.offsets[index], parameters[index].type)
      )
    }
  }

  /// Takes over the memory of a trainer with the same options. Refuses one that cannot be, and then changes
  /// nothing. The tensors are written by the caller.
  public func resume(_ memory: TrainerMemory, best: Buffer?) throws(DenpaError) {
    let (counts, rates) = (memory.counts, memory.rates)
    guard counts.count == 5, counts.allSatisfy({ (0...TrainerMemory.largestCount).contains($0) }),
      counts[3] < options.accumulation, counts[4] <= 1,
      counts[3] == 0 || counts[4] == 1, rates.count == self.memory.rates.count, rates[0] >= 0,
      rates[0] <= 1e30
    else {
      throw DenpaError(
        .badFile, "its counts and rates are not those of a trainer with this schedule and optimizer")
    }
    var fit = memory.fit.isEmpty ? nil : FitMemory(memory.fit)
    guard memory.fit.isEmpty || fit != nil else {
      throw DenpaError(.badFile, "what it says of a fit cannot be right")
    }
    fit?.bestWeights = best
    let count = optimization?.average == nil ? 0 : rates[rates.count - 1]
    guard count >= 0, count <= Double(counts[0]), count == count.rounded() else {
      throw DenpaError(.badFile, "the average cannot be of \(count) weights after \(counts[0]) steps")
    }
    if let searching = optimization?.searching {
      let first = 1 + scheduleState.count
      let numbers = Array(rates[first..<(first + searchNumbers.count)])
      guard searching.accepts(numbers) else {
        throw DenpaError(.badFile, "what the optimizer remembers cannot be right")
      }
      searchNumbers = numbers
    }
    (stepCount, epochCount, forwardCount) = (counts[0], counts[1], UInt64(counts[2]))
    scheduleState = Array(rates[1..<(1 + scheduleState.count)])
    learningRate = rates[0]
    optimization?.average?.count = Int64(count)
    openForward = nil
    zeroGradients()
    (accumulated, hasGradients) = (Int(counts[3]), counts[4] == 1 && counts[3] == 0)
    (fitState, loadedFit) = (nil, fit)
    updateRate()
  }

  /// Takes over the parameters of a file, which are published too. With an average, training goes on from its
  /// own weights, which the caller writes.
  public func replaceParameters(_ values: Buffer) throws(DenpaError) {
    try model.publish(values.base)
    model.layout.copy(values.base, to: weights.base)
  }

  /// The parameters that a file of this trainer has: those that it would publish.
  public var parametersToSave: UnsafeMutableRawPointer { publishedWeights }
}
