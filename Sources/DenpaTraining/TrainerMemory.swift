import DenpaCore
import DenpaGraph

/// What a trainer remembers besides the parameters, so that training can go on elsewhere as if it had never
/// stopped. Gradients that wait for a step are not part of it.
extension Trainer {
  /// What the optimizer keeps of each parameter: "optimizer/first/hidden.W".
  public var optimizerTensors: [(name: String, view: TensorView)] {
    optimization?.tensors(of: parameters) ?? []
  }

  /// The steps of the optimizer, the epochs, and the forwards by which random numbers are keyed.
  public var counts: [Int64] { [stepCount, epochCount, Int64(bitPattern: forwardCount)] }

  /// The learning rate, followed by what the schedule remembers.
  public var rates: [Double] { [learningRate] + scheduleState }

  /// Takes over counts and rates of a trainer with the same options; `counts` and `rates` of another length are
  /// refused. The optimizer's tensors are written by the caller.
  public func resume(counts: [Int64], rates: [Double]) throws(DenpaError) {
    guard counts.count == 3, counts.allSatisfy({ $0 >= 0 }), rates.count == 1 + scheduleState.count,
      rates[0] >= 0, rates[0] <= 1e30
    else {
      throw DenpaError(.badFile, "its counts and rates are not those of a trainer with this schedule")
    }
    (stepCount, epochCount, forwardCount) = (counts[0], counts[1], UInt64(counts[2]))
    scheduleState = Array(rates[1...])
    learningRate = rates[0]
    openForward = nil
    zeroGradients()
    hasGradients = false
    updateRate()
  }
}
