import DenpaCore
import DenpaKernelTypes

/// Calls out of the engine: plugins' and programs' own layers.
extension Lowering {
  mutating func lowerForeign(
    _ op: Op, _ index: Int, _ layer: any ForeignLayer, _ direction: Direction, _ layout: ForeignLayout
  ) throws(DenpaError) {
    let node = plan.graph.nodes[op.node]
    let inputTypes = node.inputs.map { plan.graph.values[$0].type }.map { type in
      TensorType(type.dtype.isFloat ? plan.dtype : type.dtype, type.shape.withRows(rows))
    }
    let outputTypes = node.outputs.map { plan.graph.values[$0].type }.map { type in
      TensorType(type.dtype.isFloat ? plan.dtype : type.dtype, type.shape.withRows(rows))
    }
    let prepared: PreparedForeignCall
    do {
      prepared = try layer.prepare(
        ForeignCall(
          node: node.name, nodeIndex: op.node, backward: direction == .backward, rows: rows, inputs: inputTypes,
          outputs: outputTypes, parameters: layout.parameters.map { type($0) },
          saved: plan.mode == .infer ? [] : try layer.saved(inputTypes)))
    } catch {
      throw DenpaError(error.status, "\(node.kind) \"\(node.name)\": \(error.message)")
    }
    contexts.append(prepared.context)
    var tensors: [TensorID] = layout.inputs + layout.outputs + layout.parameters + layout.saved
    if direction == .backward { tensors += layout.doutputs + op.writes.map { $0?.tensor ?? -1 } }
    let gradientCount = direction == .backward ? op.writes.count : 0
    let header = reserve(
      ForeignArguments(
        context: Unmanaged.passUnretained(prepared.context).toOpaque(),
        pointers: UnsafeMutablePointer(
          (memory.base + used + 64).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)),
        pointerCount: tensors.count,
        accumulate: UnsafeMutablePointer((memory.base).assumingMemoryBound(to: Int32.self)), workspace: nil))
    let pointers = (memory.base + used).bindMemory(to: UnsafeMutableRawPointer?.self, capacity: tensors.count)
    used += Arena.aligned(tensors.count * 8)
    let accumulate = (memory.base + used).bindMemory(to: Int32.self, capacity: gradientCount)
    used += Arena.aligned(gradientCount * 4)
    header.pointee.pointers = pointers
    header.pointee.accumulate = accumulate
    if let workspace = layout.workspace { header.pointee.workspace = arena + plan.offsets[workspace] }
    for (position, tensor) in tensors.enumerated() where tensor >= 0 {
      place(tensor, UnsafeMutableRawPointer(pointers + position))
    }
    if direction == .backward {
      for (position, destination) in op.writes.enumerated() {
        guard let destination else { continue }
        switch destination.mode {
        case .overwrite: break
        case .add: accumulate[position] = 1
        case .runtime: runtimePatches.append(accumulate + position)
        }
      }
    }
    steps.append(StepRecord(step: prepared.step, arguments: UnsafeRawPointer(header), op: index))
    guard direction == .backward else { return }
    for destination in op.writes {
      guard let destination, let flag = flag(destination) else { continue }
      var arguments = FiniteArguments()
      arguments.count = count(destination.tensor)
      arguments.flag = flag
      emit(plan.kernels.finite, arguments, op: index, [(\FiniteArguments.x, destination.tensor)])
    }
  }
}
