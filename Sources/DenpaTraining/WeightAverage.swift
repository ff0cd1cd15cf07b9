import DenpaCore
import DenpaGraph
import Glibc

/// The average of the trained weights over the steps of the optimizer. It is evaluated and published in their
/// place, while training goes on from the weights themselves.
///
/// Exponential: a ← decay·a + (1 − decay)·w, which begins with the first weights (Polyak & Juditsky, 1992, in
/// the usual form); with a decay of 1 the mean of the weights after each step (stochastic weight averaging:
/// Izmailov et al., 2018).
final class WeightAverage {
  private let decay: Double
  /// The steps after which the average begins.
  private let first: Int64
  private let vector: TrainedVector
  private let layout: ParameterLayout
  private let memory: Buffer
  /// Room for the parameters of the model.
  private let incoming: Buffer
  /// The weights that the average is made of.
  var count: Int64 = 0

  init(
    decay: Double, after first: Int64, _ vector: TrainedVector, _ layout: ParameterLayout, _ memory: Buffer
  ) throws(DenpaError) {
    incoming = try layout.makeBuffer(zeroed: true, "the average of the weights")
    self.decay = decay
    self.first = first
    self.vector = vector
    self.layout = layout
    self.memory = memory
  }

  /// Takes in the weights after a step.
  func add(_ weights: UnsafeRawPointer, step: Int64) {
    guard step > first else { return }
    count += 1
    let kept = count == 1 ? 0 : decay == 1 ? Double(count - 1) / Double(count) : decay
    if kept == 0 { return vector.copy(weights, to: memory.base) }
    vector.set(memory.base, to: kept, times: memory.base)
    vector.add(1 - kept, times: weights, to: memory.base)
  }

  /// Forgets what it is made of: the weights were replaced.
  func restart() { count = 0 }

  /// Returns whether the parameters of the model are those that were published from here. If so, training goes
  /// on from the weights; otherwise somebody has changed them.
  func isPublished(_ model: Model, _ weights: UnsafeMutableRawPointer, _ parameters: [Parameter]) -> Bool {
    guard count > 0 else { return false }
    let published = current(weights, parameters)
    model.copyParameters(to: incoming.base)
    return parameters.indices.allSatisfy { index in
      let offset = layout.offsets[index]
      return memcmp(incoming.base + offset, published + offset, parameters[index].type.byteCount) == 0
    }
  }

  /// Returns the parameters to evaluate and to publish: the average of those that are trained, and the others
  /// as they are.
  func current(_ weights: UnsafeMutableRawPointer, _ parameters: [Parameter]) -> UnsafeMutableRawPointer {
    guard count > 0 else { return weights }
    for (index, parameter) in parameters.enumerated() where !parameter.isTrained {
      let offset = layout.offsets[index]
      (memory.base + offset).copyMemory(from: weights + offset, byteCount: parameter.type.byteCount)
    }
    return memory.base
  }
}

extension Trainer {
  /// The parameters that are evaluated and published.
  var publishedWeights: UnsafeMutableRawPointer {
    optimization?.average?.current(weights.base, parameters) ?? weights.base
  }

  /// The name under which the average of the weights is found beside what the optimizer keeps.
  static var averageName: String { "average" }
}
