import DenpaCore
import DenpaGraph
import Glibc

/// The initial values of parameters. `fan_in` and `fan_out` are the inputs and outputs of a unit: the extents
/// of W (in, out).
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
      kind: "xavier", summary: "Normal with variance 2 / (fan_in + fan_out).",
      details:
        "Keeps the variance of values and gradients through sigmoid-like layers. Glorot & Bengio, 2010."
    ) { context, index in
      sqrt(2 / Double(max(context.fanIn + context.fanOut, 1))) * context.random.normal(UInt64(index))
    },
    InitializerDefinition(
      kind: "he", summary: "Normal with variance 2 / fan_in.",
      details: "Keeps the variance of values through ReLU layers. He, Zhang, Ren & Sun, 2015."
    ) { context, index in sqrt(2 / Double(max(context.fanIn, 1))) * context.random.normal(UInt64(index)) },
  ]
}
