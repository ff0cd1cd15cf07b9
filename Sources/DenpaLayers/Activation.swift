import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// The element-wise functions by their names in `activation` attributes.
enum Activation {
  static let names = Function.activations.compactMap(name)

  /// nil: a function that is no activation.
  private static func name(_ function: Function) -> String? {
    switch function {
    case .identity: "identity"
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .relu: "relu"
    case .exp: "exp"
    case .erf: "erf"
    case .gelu: "gelu"
    case .geluTanh: "gelu_tanh"
    default: nil
    }
  }

  static func named(_ name: String) throws(DenpaError) -> Function {
    for function in Function.activations where self.name(function) == name { return function }
    throw DenpaError(.badArgument, "no activation is called \"\(name)\"; known are \(list: names)")
  }

  /// The initializer of the weights before an activation; "auto" is He for those that pass about half of
  /// their input, which it compensates for, and Xavier otherwise.
  static func initializer(_ given: Spec, before function: Function) -> Spec {
    guard given.kind == "auto" else { return given }
    switch function {
    case .relu, .gelu, .geluTanh: return Spec("he")
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
