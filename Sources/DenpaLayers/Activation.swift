import DenpaCore
import DenpaGraph
import DenpaKernelTypes
import Glibc

/// The values of `activation` attributes: a layer that is a function of one value, with its attributes.
enum Activation {
  static let layers: [any UnaryLayer.Type] = [
    Identity.self, Sigmoid.self, Tanh.self, ReLU.self, GELU.self, Erf.self, Exp.self, Step.self,
    LeakyReLU.self, ELU.self, CELU.self, SELU.self, SiLU.self, Mish.self, Softplus.self, Softsign.self,
    LogSigmoid.self, HardSigmoid.self, HardTanh.self, HardSwish.self, ReLU6.self,
  ]

  /// The attribute of a layer that applies one to its result.
  static func attribute(_ summary: String, default kind: String = "identity") -> AttributeSpec {
    AttributeSpec(
      "activation", .spec, default: .spec(Spec(kind)),
      choices: layers.map { $0.spec.kind }, category: "layers", summary)
  }

  static func function(_ given: Spec) throws(DenpaError) -> ElementwiseFunction {
    guard let layer = layers.first(where: { $0.spec.kind == given.kind }) else {
      throw DenpaError(.badArgument, "no activation is called \"\(given.kind)\"")
    }
    return try layer.init(
      Attributes(
        checking: given.attributes, against: layer.spec.attributes, owner: "activation \"\(given.kind)\"")
    ).function
  }

  /// The initializer of weights before a function, with the fans of their layer. What "auto" is was chosen by
  /// test scores ("Scores" in docs/performance.md). Before functions that pass about half of their input it
  /// is He's, which compensates for that, but by the larger fan: where a layer has few inputs and many units,
  /// He's own weights are so large that what is learned is less smooth and scores are lower. A single unit
  /// without a function is a network's prediction, which begins smaller.
  static func weights(
    _ given: Spec, before function: ElementwiseFunction, fanIn: Double, fanOut: Double
  ) -> Spec {
    guard given.kind == "auto" else { return given }
    switch function.function {
    case .relu, .gelu, .geluTanh, .leakyReLU, .elu, .celu, .silu, .mish, .hardSwish, .relu6:
      return Spec("normal", [NamedAttribute("scale", .float(sqrt(2 / max(fanIn, fanOut, 1))))])
    default:
      guard function.isIdentity else { return Spec("xavier") }
      return Spec(fanOut == 1 ? "fan_uniform" : "lecun_uniform")
    }
  }

  /// The initializer of biases before a function. With "auto" for both weights and biases, the function's
  /// bends are not all at the same place. Without a function there are none, and a caller who chooses the
  /// weights expects biases of 0.
  static func biases(
    _ given: Spec, weights: Spec, before function: ElementwiseFunction, fanIn: Double
  ) -> Spec {
    guard given.kind == "auto" else { return given }
    guard weights.kind == "auto", !function.isIdentity else { return Spec("zeros") }
    let bound = 1 / sqrt(max(fanIn, 1))
    return Spec("uniform", [NamedAttribute("low", .float(-bound)), NamedAttribute("high", .float(bound))])
  }

  static let weightsAttribute = AttributeSpec(
    "initializer", .spec, default: .spec(Spec("auto")),
    "How W begins; \"auto\": normal with variance 2 / max(fan_in, fan_out) before relu and functions like it, xavier before others; without one lecun_uniform, or fan_uniform for a single unit."
  )
  static let biasesAttribute = AttributeSpec(
    "bias_initializer", .spec, default: .spec(Spec("auto")),
    "How b begins; \"auto\": uniform between ±1 / √fan_in before a function if W is \"auto\" too, else 0.")
}

extension TensorType {
  /// Returns this type; throws if it is not a float type.
  func requireFloat(_ name: StaticString) throws(DenpaError) -> TensorType {
    guard dtype.isFloat else {
      throw DenpaError(.badDType, "expected \(name) of a float dtype, got \(dtype)")
    }
    return self
  }
}
