import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

/// Adafactor: of the running mean of squared gradients it keeps a matrix's row means R and column means C
/// alone, so that the optimizer's memory is a row and a column for each matrix.
///
/// With β = 1 − t^−decay_exponent: R ← β·R + (1 − β)·mean over columns of g²; C ← β·C + (1 − β)·mean over rows
/// of g²; V = R·C / mean R; u = g / max(√V, epsilon); w ← (1 − learning_rate·weight_decay)·w −
/// min(learning_rate, 1/√t)·max(least_scale, rms w)·u / max(1, rms u / threshold). Of a vector, V is kept
/// itself. A parameter of more axes is a stack of matrices in its last two. Source: Shazeer & Stern, 2018, in
/// PyTorch's form, where epsilon acts on V.
struct Adafactor: SweepingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "adafactor",
    summary: "Adam's second moment from row and column means, so that it takes almost no memory.",
    details: "Shazeer & Stern, \"Adafactor: Adaptive Learning Rates with Sublinear Memory Cost\", 2018.",
    attributes: [
      .learningRate(0.01, "The largest step, relative to the size of the weights."),
      AttributeSpec(
        "decay_exponent", .float, default: .float(0.8), minimum: 0, maximum: 10,
        "How fast the running means forget: their share is 1 − t^−decay_exponent."),
      AttributeSpec(
        "least_scale", .float, default: .float(0.001), minimum: 0, maximum: 1e30,
        "What the size of the weights counts as at least."),
      AttributeSpec(
        "threshold", .float, default: .float(1), minimum: 1e-30, maximum: 1e30,
        "The root mean square that an update has at most."),
      AttributeSpec(
        "epsilon", .float, default: .float(0), minimum: 0, maximum: 1,
        "The least divisor; 0: the rounding unit of the weights, 2⁻²³ or 2⁻⁵²."),
      .weightDecay(0, "Subtracted from a weight as learning_rate·weight_decay·w."),
    ]
  ) { (attributes) throws(DenpaError) in
    Adafactor(
      learningRate: attributes.float("learning_rate"), exponent: attributes.float("decay_exponent"),
      leastScale: attributes.float("least_scale"), threshold: attributes.float("threshold"),
      epsilon: attributes.float("epsilon"), weightDecay: attributes.float("weight_decay"))
  }

  let learningRate: Double
  let exponent: Double
  let leastScale: Double
  let threshold: Double
  let epsilon: Double
  let weightDecay: Double

  var isElementwise: Bool { false }

  var state: [OptimizerState] {
    [
      OptimizerState("rows", shape: { $0.rank > 1 ? $0.leaving(out: $0.rank - 1) : [0] }),
      OptimizerState("columns", shape: { $0.rank > 1 ? $0.leaving(out: $0.rank - 2) : [0] }),
      OptimizerState("second", shape: { $0.rank > 1 ? [0] : $0 }),
    ]
  }

  /// Room for the update of the whole parameter.
  func scratchBytes(_ kernels: KernelTable, _ shape: Shape, _ dtype: DType, threads: Int32) -> Int {
    shape.count * dtype.size
  }

  /// What a sweep has in its memory.
  private struct Memory {
    var rule: Adafactor
    var span: Span
    var isDouble: Bool
    var t: Int64 = 0
    var learningRate = 0.0
  }

  /// A parameter: matrices, one behind the other, or a vector of `columns` elements.
  private struct Span {
    var isMatrix: Bool
    var matrices: Int, rows: Int, columns: Int
    var weights: Mutable, gradient: Const
    var rowMeans: Mutable, columnMeans: Mutable, second: Mutable, update: Mutable
  }

  func sweep(
    _ kernels: KernelTable, over span: OptimizerSpan, arguments memory: UnsafeMutableRawPointer
  ) -> OptimizerSweep {
    let shape = span.shape ?? [span.count]
    let isMatrix = shape.rank > 1
    let columns = isMatrix ? shape[shape.rank - 1] : span.count
    let rows = isMatrix ? shape[shape.rank - 2] : 1
    let matrices = rows * columns > 0 ? span.count / (rows * columns) : 0
    memory.initializeMemory(
      as: Memory.self,
      to: Memory(
        rule: self,
        span: Span(
          isMatrix: isMatrix, matrices: matrices, rows: rows, columns: columns, weights: span.weights,
          gradient: span.gradient, rowMeans: span.state[0], columnMeans: span.state[1], second: span.state[2],
          update: span.scratch), isDouble: span.dtype == .float64))
    return OptimizerSweep(
      step: { memory, _ in
        let memory = memory.assumingMemoryBound(to: Memory.self).pointee
        if memory.isDouble {
          Adafactor.step(Double.self, memory)
        } else {
          Adafactor.step(Float.self, memory)
        }
        return 0
      },
      prepare: { memory, t, learningRate in
        let memory = memory.assumingMemoryBound(to: Memory.self)
        memory.pointee.t = t
        memory.pointee.learningRate = learningRate
      })
  }

  @inline(__always)
  private static func step<T: BinaryFloatingPoint>(_: T.Type, _ memory: Memory) {
    let (rule, span) = (memory.rule, memory.span)
    let count = span.matrices * span.rows * span.columns
    guard count > 0 else { return }
    let t = Double(memory.t)
    let weights = span.weights.assumingMemoryBound(to: T.self)
    let gradient = span.gradient.assumingMemoryBound(to: T.self)
    let update = span.update.assumingMemoryBound(to: T.self)
    let new = T(pow(t, -rule.exponent))
    let least = rule.epsilon > 0 ? rule.epsilon : memory.isDouble ? Double.ulpOfOne : Double(Float.ulpOfOne)
    let rate = min(memory.learningRate, 1 / t.squareRoot())
    let size = max(rule.leastScale, rootMeanSquare(weights, count)) * rate
    let kept = T(1 - memory.learningRate * rule.weightDecay)
    if kept != 1 {
      for i in 0..<count { weights[i] *= kept }
    }
    if span.isMatrix {
      for matrix in 0..<span.matrices {
        let first = matrix * span.rows * span.columns
        factored(
          gradient + first, update + first, span,
          span.rowMeans.assumingMemoryBound(to: T.self) + matrix * span.rows,
          span.columnMeans.assumingMemoryBound(to: T.self) + matrix * span.columns, new: new, least: T(least))
      }
    } else {
      let second = span.second.assumingMemoryBound(to: T.self)
      for i in 0..<count {
        second[i] += new * (gradient[i] * gradient[i] - second[i])
        update[i] = gradient[i] / max(second[i].squareRoot(), T(least))
      }
    }
    let step = T(size / max(1, rootMeanSquare(update, count) / rule.threshold))
    for i in 0..<count { weights[i] -= step * update[i] }
  }

  /// Updates the means of one matrix, and computes its update.
  @inline(__always)
  private static func factored<T: BinaryFloatingPoint>(
    _ gradient: UnsafePointer<T>, _ update: UnsafeMutablePointer<T>, _ span: Span,
    _ rows: UnsafeMutablePointer<T>, _ columns: UnsafeMutablePointer<T>, new: T, least: T
  ) {
    let width = span.columns, height = span.rows
    // The sums over the rows are gathered in the memory of the first row of the update.
    for column in 0..<width { update[column] = 0 }
    var total = 0.0
    for row in 0..<height {
      let line = gradient + row * width
      var sum = 0.0
      for column in 0..<width {
        let square = line[column] * line[column]
        sum += Double(square)
        update[column] += square
      }
      rows[row] += new * (T(sum / Double(width)) - rows[row])
      total += Double(rows[row])
    }
    for column in 0..<width { columns[column] += new * (update[column] / T(height) - columns[column]) }
    let mean = max(T(total / Double(height)), least)
    for row in 0..<height {
      let line = gradient + row * width, target = update + row * width
      let factor = rows[row] / mean
      for column in 0..<width {
        target[column] = line[column] / max((factor * columns[column]).squareRoot(), least)
      }
    }
  }

  private static func rootMeanSquare<T: BinaryFloatingPoint>(_ x: UnsafePointer<T>, _ count: Int) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += Double(x[i]) * Double(x[i]) }
    return (sum / Double(count)).squareRoot()
  }
}

extension Shape {
  fileprivate func leaving(out left: Int) -> Shape {
    var result = Shape()
    for axis in 0..<rank where axis != left { result.append(self[axis]) }
    return result
  }
}
