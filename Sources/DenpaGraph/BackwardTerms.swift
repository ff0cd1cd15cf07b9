import DenpaCore
import DenpaKernelTypes

/// How a gradient that an observation has kept came about, read from the ops that wrote it.
extension Observation {
  /// What adds to a gradient.
  public enum Source {
    /// delta · Wᵀ of a dense layer, with the number of W.
    case units(node: Int, delta: TensorID, weights: Int)
    /// Something else that a node does.
    case other(node: Int)
  }

  /// The ops that write a gradient, or a part of it, or add to it.
  private func writers(_ tensor: TensorID) -> [Op] {
    plan.ops.filter { op in
      op.writes.contains { $0.map { plan.tensors.storage($0.tensor) } == tensor }
    }
  }

  /// The op that alone writes all of a gradient.
  private func writer(_ tensor: TensorID) -> Op? {
    let writers = writers(tensor)
    return writers.count == 1 && writers[0].writes.contains { $0?.tensor == tensor } ? writers[0] : nil
  }

  /// What comes back to the units of a dense layer, dE/du, as the gradient of one of its parameters reads it;
  /// nil if the node is none, or the gradient was not computed.
  public func delta(_ node: Int, parameter: Int) -> TensorID? {
    guard plan.graph.nodes[node].kind == "dense" else { return nil }
    for op in plan.ops[plan.forwardCount...] where op.node == node {
      guard let destination = op.writes.first ?? nil,
        plan.tensors[destination.tensor].role == .parameterGradient(parameter)
      else { continue }
      if op.operation is ProductOperation { return op.reads[1] }
      return op.reads[0]
    }
    return nil
  }

  /// The gradient whose elements these are, in the same order.
  public func original(_ gradient: TensorID) -> TensorID {
    var result = gradient
    while true {
      guard let op = writer(result), let copy = op.operation as? CopyOperation, copy.isPlain,
        plan.tensors.storage(op.reads[0]) == op.reads[0]
      else { return result }
      result = op.reads[0]
    }
  }

  /// If a gradient is dz ∘ f', the gradient dz and f' at one element.
  public func derivative(_ gradient: TensorID, at element: Int) -> (dz: TensorID, slope: Double)? {
    guard let op = writer(gradient), let map = op.operation as? MapGradientOperation,
      let point = executor.values(of: op.reads[0])
    else { return nil }
    let size = plan.dtype.size
    // The kernel itself, with dy = 1: 8 bytes for each of dy and dx.
    var memory: (UInt64, UInt64) = (0, 0)
    return withUnsafeMutableBytes(of: &memory) { bytes in
      guard let base = bytes.baseAddress else { return nil }
      if size == 8 {
        base.storeBytes(of: 1, as: Double.self)
      } else {
        base.storeBytes(of: 1, as: Float.self)
      }
      var arguments = MapGradientArguments()
      arguments.count = 1
      arguments.function = map.function.rawValue
      arguments.alpha = map.alpha
      arguments.y = UnsafeRawPointer(point + element * size)
      arguments.dy = UnsafeRawPointer(base)
      arguments.dx = base + 8
      var run = Run(parallel: Run.inline, threads: 1, training: 1, seed: 0)
      guard plan.kernels[.mapGradient](&arguments, &run) == 0 else { return nil }
      let slope = size == 8 ? (base + 8).load(as: Double.self) : Double((base + 8).load(as: Float.self))
      return (original(op.reads[1]), slope)
    }
  }

  /// Everything that adds to a gradient, in the order of computation.
  public func sources(_ gradient: TensorID) -> [Source] {
    writers(gradient).map { op in
      guard op.operation is ProductOperation, op.writes.first??.tensor == gradient,
        plan.graph.nodes[op.node].kind == "dense",
        case .parameter(let weights) = plan.tensors[op.reads[1]].role
      else { return .other(node: op.node) }
      return .units(node: op.node, delta: original(op.reads[0]), weights: weights)
    }
  }
}
