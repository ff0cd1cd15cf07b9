import DenpaCore
import DenpaGraph
import DenpaKernelTypes

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

  /// The initializer of the weights before an activation; "auto" is He for those that pass about half of
  /// their input, which it compensates for, and Xavier otherwise.
  static func initializer(_ given: Spec, before function: ElementwiseFunction) -> Spec {
    guard given.kind == "auto" else { return given }
    switch function.function {
    case .relu, .gelu, .geluTanh, .leakyReLU, .elu, .celu, .silu, .mish, .hardSwish, .relu6: return Spec("he")
    default: return Spec("xavier")
    }
  }
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
