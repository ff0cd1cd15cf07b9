import DenpaCore
import DenpaKernelTypes

/// Where a plan that keeps all (`PlanRequest.keepsAll`) has what it computes.
public struct KeptTensors: Sendable {
  /// What the activation of a layer is applied to: the u of y = f(u).
  public struct Argument: Sendable {
    public var node: Int
    public var value: TensorID
    public var gradient: TensorID?
  }

  /// The tensor of each value of the model's graph.
  public let values: [TensorID]
  /// The gradient with respect to each; nil where there is none.
  public let gradients: [TensorID?]
  public let arguments: [Argument]

  init(_ builder: PlanBuilder, nodes: Int, gradients: [TensorID?], in passes: Passes) {
    values = Array(builder.valueTensors[..<gradients.count])
    self.gradients = gradients
    var isWritten = Array(repeating: false, count: passes.tensors.count)
    for op in passes.ops {
      for destination in op.writes {
        if let destination { isWritten[passes.tensors.storage(destination.tensor)] = true }
      }
    }
    arguments = (0..<nodes).compactMap { node in
      guard let u = builder.knownTensor(node, "u"), isWritten[u] else { return nil }
      let gradient = builder.knownTensor(node, "du").flatMap { isWritten[$0] ? $0 : nil }
      return Argument(node: node, value: u, gradient: gradient)
    }
  }
}
