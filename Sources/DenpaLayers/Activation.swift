import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// The element-wise functions by their names in `activation` attributes.
enum Activation {
  static let names = Function.allCases.map(name)

  private static func name(_ function: Function) -> String {
    switch function {
    case .identity: "identity"
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .relu: "relu"
    case .exp: "exp"
    case .erf: "erf"
    case .gelu: "gelu"
    case .geluTanh: "gelu_tanh"
    }
  }

  static func named(_ name: String) throws(DenpaError) -> Function {
    for function in Function.allCases where self.name(function) == name { return function }
    throw DenpaError(.badArgument, "no activation is called \"\(name)\"; known are \(list: names)")
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
