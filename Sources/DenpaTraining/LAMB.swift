import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// LAMB: with Adam's m̂ and v̂, u = m̂ / (√v̂ + epsilon) + weight_decay·w; w ← w − learning_rate·(‖w‖ /
/// ‖u‖)·u, where the norms are those of the whole parameter, and the ratio is 1 if one of them is 0.
///
/// For large batches. It is made of the kernels that exist, so u has its own memory. Source: You et al.,
/// 2020.
struct LAMB: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "lamb", summary: "Adam whose steps are as large as each parameter's norm says: for large batches.",
    details: "You et al., \"Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes\", 2020.",
    attributes: [
      .learningRate(0.001), .beta1(0.9), .beta2(0.999), .epsilon(1e-6),
      .weightDecay(0.01, "How much of a weight is added to its direction."),
    ]
  ) { (attributes) throws(DenpaError) in
    LAMB(moments: Moments(attributes))
  }

  let moments: Moments

  var learningRate: Double { moments.learningRate }

  var isElementwise: Bool { false }

  var state: [OptimizerState] { ["first", "second"].map { OptimizerState($0) } }

  /// Room for u.
  func scratchBytes(_ kernels: KernelTable, _ shape: Shape, _ dtype: DType, threads: Int32) -> Int {
    shape.count * dtype.size
  }

  /// The kernels of a step with their arguments, in their order.
  private struct Memory {
    var adam: AdamArguments
    var adamStep: Step
    var decay = ScaleArguments()
    var decayStep: Step
    var descent = SGDArguments()
    var descentStep: Step
    var squaresStep: Step
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    var all = Memory(
      adam: AdamArguments(moments, span), adamStep: kernels[.adam], decayStep: kernels[.scale],
      descentStep: kernels[.sgd],
      squaresStep: kernels[.sumSquares])
    // Adam's kernel writes the direction: a step of rate −1 from weights of which nothing is kept, because
    // all of them decay.
    all.adam.weights = span.scratch
    all.adam.learningRate = -1
    all.adam.decoupled = 1
    all.adam.weightDecay = -1
    all.decay.count = moments.weightDecay > 0 ? span.count : 0
    all.decay.scale = moments.weightDecay
    all.decay.accumulate = 1
    all.decay.x = UnsafeRawPointer(span.weights)
    all.decay.y = span.scratch
    all.descent.count = span.count
    all.descent.weights = span.weights
    all.descent.gradient = UnsafeRawPointer(span.scratch)
    memory.initializeMemory(as: Memory.self, to: all)
    return OptimizerSweep(
      step: { memory, run in
        LAMB.step(UnsafeMutableRawPointer(mutating: memory).assumingMemoryBound(to: Memory.self), run)
      },
      prepare: { memory, t, learningRate in
        let all = memory.assumingMemoryBound(to: Memory.self)
        all.pointee.descent.learningRate = learningRate
        all.pointee.adam.correct(t)
      })
  }

  private static func step(_ all: UnsafeMutablePointer<Memory>, _ run: UnsafeMutableRawPointer) -> Int32 {
    _ = all.pointee.adamStep(&all.pointee.adam, run)
    _ = all.pointee.decayStep(&all.pointee.decay, run)
    let (kernel, count) = (all.pointee.squaresStep, all.pointee.adam.count)
    let size = sumOfSquares(kernel, all.pointee.descent.weights, count, run)
    let length = sumOfSquares(kernel, all.pointee.adam.weights, count, run)
    let rate = all.pointee.descent.learningRate
    if size > 0, length > 0 { all.pointee.descent.learningRate = rate * (size / length).squareRoot() }
    return all.pointee.descentStep(&all.pointee.descent, run)
  }
}
