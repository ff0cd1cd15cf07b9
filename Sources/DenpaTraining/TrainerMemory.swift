import DenpaCore
import DenpaGraph

/// What a trainer remembers besides the parameters, so that training can go on elsewhere as if it had never
/// stopped. Gradients that wait for a step are not part of it.
extension Trainer {
  /// What the optimizer keeps of each parameter: "optimizer/first/hidden.W".
  public var optimizerTensors: [(name: String, view: TensorView)] {
    guard let optimization else { return [] }
    // The model has the average, and training goes on from the weights.
    let weights =
      optimization.average == nil
      ? []
      : parameters.indices.filter { parameters[$0].isTrained }.map { index in
        (
          name: "weights/\(parameters[index].name)",
          view: TensorView(
            self.weights.base + model.layout.offsets[index], parameters[index].type)
        )
      }
    return optimization.tensors(of: parameters) + weights
  }

  /// The steps of the optimizer, the epochs, and the forwards by which random numbers are keyed.
  public var counts: [Int64] { [stepCount, epochCount, Int64(bitPattern: forwardCount)] }

  /// The learning rate, followed by what the schedule and an optimizer that searches remember.
  /// The last is the number of weights in their average.
  public var rates: [Double] {
    [learningRate] + scheduleState + searchNumbers + (optimization?.average.map { [Double($0.count)] } ?? [])
  }

  /// Takes over counts and rates of a trainer with the same options; `counts` and `rates` of another length are
  /// refused. The optimizer's tensors are written by the caller.
  public func resume(counts: [Int64], rates: [Double]) throws(DenpaError) {
    guard counts.count == 3, counts.allSatisfy({ $0 >= 0 }), rates.count == self.rates.count,
      rates[0] >= 0, rates[0] <= 1e30
    else {
      throw DenpaError(
        .badFile, "its counts and rates are not those of a trainer with this schedule and optimizer")
    }
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
    hasGradients = false
    updateRate()
  }
}
