import DenpaCore
import DenpaGraph
import Glibc

/// The initial values of parameters. `fan_in` and `fan_out` are the inputs and outputs of a unit: the extents
/// of W (in, out), the inputs times the area of a kernel.
enum Initializers {
  static let all: [InitializerDefinition] = [
    InitializerDefinition(kind: "zeros", summary: "All 0.") { _, _ in 0 },
    InitializerDefinition(kind: "ones", summary: "All 1.") { _, _ in 1 },
    InitializerDefinition(
      kind: "constant", summary: "All `value`.",
      attributes: [AttributeSpec("value", .float, "The value.")]
    ) { context, _ in context.attributes.float("value") },
    InitializerDefinition(
      kind: "normal", summary: "Normal with `mean` and standard deviation `scale`.",
      attributes: [
        AttributeSpec("scale", .float, default: .float(0.01), minimum: 0, "Standard deviation."),
        AttributeSpec("mean", .float, default: .float(0), "Mean."),
      ]
    ) { context, index in
      context.attributes.float("mean") + context.attributes.float("scale")
        * context.random.normal(UInt64(index))
    },
    InitializerDefinition(
      kind: "uniform", summary: "Uniform in [`low`, `high`).",
      attributes: [
        AttributeSpec("low", .float, default: .float(0), "Lowest value."),
        AttributeSpec("high", .float, default: .float(1), "Bound above."),
      ],
      check: { (context) throws(DenpaError) in
        let low = context.attributes.float("low"), high = context.attributes.float("high")
        guard low <= high else {
          throw DenpaError(
            .badArgument, "initializer \"uniform\": expected low ≤ high, got \(low) and \(high)")
        }
      }
    ) { context, index in
      let low = context.attributes.float("low")
      return low + (context.attributes.float("high") - low) * context.random.uniform(UInt64(index))
    },
    InitializerDefinition(
      kind: "truncated_normal", summary: "Normal with `mean` and `scale`, drawn again beyond 2 `scale`.",
      details: "`scale` is the standard deviation before; afterwards it is 0.88 of it.",
      attributes: [
        AttributeSpec("scale", .float, default: .float(0.01), minimum: 0, "Standard deviation before."),
        AttributeSpec("mean", .float, default: .float(0), "Mean."),
      ]
    ) { context, index in
      context.attributes.float("mean") + context.attributes.float("scale") * truncatedNormal(context, index)
    },
    InitializerDefinition(
      kind: "integers", summary: "Whole numbers from 0 to `below` − 1, each as likely.",
      attributes: [
        AttributeSpec("below", .int, minimum: 1, maximum: 9_007_199_254_740_992, "The bound above.")
      ]
    ) { context, index in
      Double(context.random.below(UInt64(context.attributes.int("below")), UInt64(index)))
    },
    scaled(
      .normal, "xavier", "2 / (fan_in + fan_out)",
      "Keeps the variance of values and gradients through sigmoid-like layers. Glorot & Bengio, 2010."
    ) { 2 / ($0 + $1) },
    scaled(
      .uniform, "xavier_uniform", "√(6 / (fan_in + fan_out))", "Variance as xavier. Glorot & Bengio, 2010."
    ) { 6 / ($0 + $1) },
    scaled(
      .normal, "he", "2 / fan_in",
      "Keeps the variance of values through ReLU layers. He, Zhang, Ren & Sun, 2015."
    ) { fanIn, _ in 2 / fanIn },
    scaled(.uniform, "he_uniform", "√(6 / fan_in)", "Variance as he. He, Zhang, Ren & Sun, 2015.") {
      fanIn, _ in 6 / fanIn
    },
    scaled(
      .normal, "lecun", "1 / fan_in",
      "Keeps the variance of values through linear and selu layers. LeCun, Bottou, Orr & Müller, 1998."
    ) { fanIn, _ in 1 / fanIn },
    scaled(
      .uniform, "lecun_uniform", "√(3 / fan_in)", "Variance as lecun. LeCun, Bottou, Orr & Müller, 1998."
    ) { fanIn, _ in 3 / fanIn },
    scaled(.uniform, "fan_uniform", "1 / √fan_in", "How PyTorch draws the weights of Linear and Conv2d.") {
      fanIn, _ in 1 / fanIn
    },
    InitializerDefinition(
      kind: "orthogonal", summary: "Random orthonormal rows or columns, times `gain`.",
      details:
        "Of the matrix (everything but the last axis, the last axis). Saxe, McClelland & Ganguli, 2013.",
      attributes: [gain], values: .whole(orthogonal)),
    InitializerDefinition(
      kind: "identity", summary: "`gain` on the diagonal, else 0.",
      details: "Of the matrix (everything but the last axis, the last axis). Le, Jaitly & Hinton, 2015.",
      attributes: [gain]
    ) { context, index in
      let columns = max(context.shape.last ?? 1, 1)
      return index / columns == index % columns ? context.attributes.float("gain") : 0
    },
    InitializerDefinition(
      kind: "given", summary: "The elements of `value`, which has the parameter's shape.",
      attributes: [AttributeSpec("value", .tensor, "The values.")],
      check: { (context) throws(DenpaError) in
        let shape = context.attributes.tensor("value")?.shape ?? []
        guard shape == context.shape else {
          throw DenpaError(
            .badShape,
            "initializer \"given\": expected value of the parameter's shape \(context.shape), got \(shape)")
        }
      },
      values: .whole { (context, values) throws(DenpaError) in
        let given = context.attributes.tensor("value")?.elements ?? []
        for index in values.indices.prefix(given.count) { values[index] = given[index] }
      }),
  ]

  private static let gain = AttributeSpec("gain", .float, default: .float(1), "The factor.")

  private enum Distribution: String, Sendable {
    case normal = "Normal with variance"
    case uniform = "Uniform between ±"

    /// Returns a number of variance 1, or between ±1.
    func draw(_ random: Random, _ index: Int) -> Double {
      self == .normal ? random.normal(UInt64(index)) : 2 * random.uniform(UInt64(index)) - 1
    }
  }

  /// Numbers times the root of `square`: of the variance, or of the square of the bound.
  private static func scaled(
    _ distribution: Distribution, _ kind: String, _ formula: String, _ details: String,
    by square: @escaping @Sendable (_ fanIn: Double, _ fanOut: Double) -> Double
  ) -> InitializerDefinition {
    InitializerDefinition(
      kind: kind, summary: "\(distribution.rawValue)\(distribution == .normal ? " " : "")\(formula).",
      details: details
    ) { context, index in
      sqrt(square(Double(max(context.fanIn, 1)), Double(context.fanOut)))
        * distribution.draw(context.random, index)
    }
  }

  /// Each attempt draws another number: the indices of elements are below 2⁴⁸.
  private static func truncatedNormal(_ context: InitializerDefinition.Context, _ index: Int) -> Double {
    for attempt in 0..<UInt64(64) {
      let z = context.random.normal(UInt64(index) | attempt << 48)
      if abs(z) <= 2 { return z }
    }
    return 0  // once in 10⁸⁵ elements
  }

  /// Modified Gram–Schmidt on rows of normal numbers, each made orthogonal twice, because once is not enough
  /// for vectors that are nearly dependent (Giraud, Langou & Rozložník, 2005). The shorter side is
  /// orthonormal.
  @Sendable private static func orthogonal(
    _ context: InitializerDefinition.Context, _ values: UnsafeMutableBufferPointer<Double>
  ) throws(DenpaError) {
    let columns = max(context.shape.last ?? 1, 1)
    let rows = values.count / columns
    let count = min(rows, columns), length = max(rows, columns)
    let memory = try Buffer(byteCount: values.count * 8, "a parameter's initial values")
    let vectors = memory.base.bindMemory(to: Double.self, capacity: values.count)
    for index in values.indices { vectors[index] = context.random.normal(UInt64(index)) }
    for v in 0..<count {
      let vector = vectors + v * length
      for _ in 0..<2 {
        for u in 0..<v {
          let other = vectors + u * length
          var dot = 0.0
          for i in 0..<length { dot += vector[i] * other[i] }
          for i in 0..<length { vector[i] -= dot * other[i] }
        }
        var square = 0.0
        for i in 0..<length { square += vector[i] * vector[i] }
        let scale = square > 0 ? 1 / sqrt(square) : 0
        for i in 0..<length { vector[i] *= scale }
      }
    }
    let gain = context.attributes.float("gain")
    for index in values.indices {
      let (row, column) = (index / columns, index % columns)
      values[index] = gain * (rows <= columns ? vectors[index] : vectors[column * length + row])
    }
  }
}
