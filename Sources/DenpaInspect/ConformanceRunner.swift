import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// The gradients that a backward must compute.
struct Wanted: Equatable {
  var inputs: [Bool]
  var parameters: [Bool]
}

/// A layer alone, with the proof's memory around everything that it reads and writes.
class LayerRunner {
  let subject: ProofSubject
  let rows: Int
  let inputs: [GuardedTensor]
  let outputs: [GuardedTensor]
  let parameters: [GuardedTensor]
  let doutputs: [GuardedTensor]
  /// nil if the gradient is not wanted.
  let dinputs: [GuardedTensor?]
  let dparameters: [GuardedTensor?]
  /// The layer's other writable memory: saved tensors, workspace.
  var scratch: [GuardedTensor] { [] }
  /// Whether gradients of inputs can be accumulated; those of parameters always can.
  var accumulatesInputs: Bool { false }

  init(_ subject: ProofSubject, rows: Int, wanted: Wanted) throws(DenpaError) {
    self.subject = subject
    self.rows = rows
    inputs = try LayerRunner.tensors("inputs", subject.inputTypes.map { $0.withRows(rows) })
    outputs = try LayerRunner.tensors("outputs", subject.outputTypes.map { $0.withRows(rows) })
    parameters = try LayerRunner.tensors("parameters", subject.parameterTypes, names: subject.parameterNames)
    doutputs = try LayerRunner.tensors("doutputs", subject.outputTypes.map { $0.withRows(rows) })
    dinputs = try LayerRunner.tensors(
      "dinputs", subject.inputTypes.map { $0.withRows(rows) }, wanted: wanted.inputs)
    dparameters = try LayerRunner.tensors(
      "dparameters", subject.parameterTypes, names: subject.parameterNames, wanted: wanted.parameters)
  }

  private static func tensors(
    _ stem: String, _ types: [TensorType], names: [String] = []
  ) throws(DenpaError) -> [GuardedTensor] {
    var result: [GuardedTensor] = []
    for (index, type) in types.enumerated() {
      let name = names.indices.contains(index) ? " (\"\(names[index])\")" : ""
      result.append(try GuardedTensor("\(stem)[\(index)]\(name)", type))
    }
    return result
  }

  private static func tensors(
    _ stem: String, _ types: [TensorType], names: [String] = [], wanted: [Bool]
  ) throws(DenpaError) -> [GuardedTensor?] {
    try tensors(stem, types, names: names).enumerated().map { wanted[$0] ? $1 : nil }
  }

  /// Restores everything to its state before a call: the sample's values from row `first` on, fresh states,
  /// poison elsewhere.
  func reset(first: Int = 0, poison: Int = 0) {
    for (index, tensor) in inputs.enumerated() {
      let width = subject.inputTypes[index].shape.count
      tensor.values = Array(subject.inputValues[index][(first * width)..<((first + rows) * width)])
    }
    for (index, tensor) in parameters.enumerated() { tensor.values = subject.parameterValues[index] }
    for (index, tensor) in doutputs.enumerated() { tensor.values = subject.coefficients(index, tensor.count) }
    for tensor in outputs { tensor.poison(poison) }
    poisonGradients(poison)
  }

  func resetStates() {
    for (index, tensor) in parameters.enumerated() where subject.parameterRoles[index] == .state {
      tensor.values = subject.parameterValues[index]
    }
  }

  func poisonGradients(_ poison: Int) {
    for tensor in dinputs + dparameters { tensor?.poison(poison) }
  }

  func forward(training: Bool) throws(DenpaError) {
    throw DenpaError(.internalError, "a runner without forward")
  }
  func backward(accumulate: Bool) throws(DenpaError) {
    throw DenpaError(.internalError, "a runner without backward")
  }

  func checkBounds(_ callback: String) throws(DenpaError) {
    for tensor in inputs + outputs + parameters + doutputs + scratch { try tensor.checkBounds(callback) }
    for tensor in dinputs + dparameters { try tensor?.checkBounds(callback) }
  }

  /// Σ c·y: one number that depends on every output, whose gradient with respect to y is c.
  var objective: Double {
    var sum = 0.0
    for (output, weights) in zip(outputs, doutputs) where output.type.dtype.isFloat {
      for (value, weight) in zip(output.values, weights.values) { sum += value * weight }
    }
    return sum
  }
}
