import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// GELU: y = x·Φ(x) = x/2·(1 + erf(x/√2)); dx = dy·(Φ(x) + x·φ(x)), φ(x) = e^(−x²/2)/√(2π)
///
/// With `approximate` "tanh": y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), with its own derivative. Shapes:
/// x any, y like x. gelu(−∞) = 0. Source: Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016; the
/// attribute is PyTorch's.
public struct GELU: UnaryLayer {
  public static let spec = LayerSpec(
    kind: "gelu", summary: "Weighs x by the probability that a normal number is below it: y = x·Φ(x).",
    details:
      "x of any shape → y of the same. With tanh: y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Hendrycks & Gimpel, 2016.",
    attributes: [
      AttributeSpec(
        "approximate", .string, default: .string("none"), choices: ["none", "tanh"],
        "none for Φ itself, tanh for the formula with tanh.")
    ],
    samples: [
      Sample(inputs: [TensorType(.float32, [4, 5])]),
      Sample(inputs: [TensorType(.float32, [2, 3, 33])], range: -6...6),
      Sample(
        [NamedAttribute("approximate", .string("tanh"))], inputs: [TensorType(.float32, [3, 21])],
        range: -6...6),
    ])

  let function: ElementwiseFunction

  public init(_ attributes: Attributes) {
    function = ElementwiseFunction(attributes.string("approximate") == "tanh" ? .geluTanh : .gelu)
  }
}
