import DenpaCore
import DenpaKernelTypes

/// Calls out of the engine: plugins' and programs' own layers.
extension Lowering {
  mutating func lowerForeign(
    _ op: Op, _ index: Int, _ layer: any ForeignLayer, _ direction: Direction, _ layout: ForeignLayout
  ) throws(DenpaError) {
    let node = plan.graph.nodes[op.node]
    let inputTypes = layout.inputTypes.map { $0.withRows(rows) }
    let outputTypes = node.outputs.map { plan.graph.values[$0].type }.map { type in
      TensorType(type.dtype.isFloat ? plan.dtype : type.dtype, type.shape.withRows(rows))
    }
    let prepared: PreparedForeignCall
    let saved: [TensorType]
    let workspaceBytes: Int
    do {
      saved = plan.mode == .infer ? [] : try layer.saved(inputTypes)
      workspaceBytes = try layer.workspace(inputTypes)
      try checkPlanned(layout, saved, workspaceBytes)
      prepared = try layer.prepare(
        ForeignCall(
          node: node.name, nodeIndex: op.node, backward: direction == .backward, rows: rows, inputs: inputTypes,
          outputs: outputTypes, parameters: layout.parameters.map { type($0) }, saved: saved))
    } catch {
      throw DenpaError(error.status, "\(node.kind) \"\(node.name)\": \(error.message)")
    }
    contexts.append(prepared.context)
    var tensors: [TensorID] = layout.inputs + layout.outputs + layout.parameters + layout.saved
    if direction == .backward { tensors += layout.doutputs + op.writes.map { $0?.tensor ?? -1 } }
    let gradientCount = direction == .backward ? op.writes.count : 0
    let pointers = try reserve(UnsafeMutableRawPointer?.none, count: tensors.count)
    let accumulate = try reserve(Int32(0), count: gradientCount)
    let header = try reserve(
      ForeignArguments(
        context: Unmanaged.passUnretained(prepared.context).toOpaque(), pointers: pointers,
        pointerCount: tensors.count, accumulate: accumulate, workspace: nil))
    if let workspace = layout.workspace {
      header.pointee.workspace = arena + place(workspace, workspaceBytes)
    }
    for (position, tensor) in tensors.enumerated() where tensor >= 0 {
      place(tensor, UnsafeMutableRawPointer(pointers + position))
    }
    let firstSaved = layout.inputs.count + layout.outputs.count + layout.parameters.count
    for (index, tensor) in layout.saved.enumerated() {
      pointers[firstSaved + index] = arena + place(tensor, saved[index].byteCount)
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
      try emit(plan.kernels.finite, arguments, op: index, [(\FiniteArguments.x, destination.tensor)])
    }
  }

  /// Where a tensor of the layer's own, planned for the largest batch, is when it has `bytes`.
  private func place(_ tensor: TensorID, _ bytes: Int) -> Int {
    plan.place(plan.offsets[tensor], planned: plan.tensors[tensor].type.byteCount, wanted: bytes)
  }

  /// Memory is laid out for the largest batch: nothing that the layer asks for may be larger with fewer rows.
  private func checkPlanned(
    _ layout: ForeignLayout, _ saved: [TensorType], _ workspaceBytes: Int
  ) throws(DenpaError) {
    let rule: Message = "what a layer keeps must not shrink when the batch grows"
    guard saved.count == layout.saved.count else {
      throw DenpaError(
        .layerFailed, "it saves \(saved.count) tensors with \(rows) rows and \(layout.saved.count) with \(plan.maximumRows): \(rule)")
    }
    for (index, type) in saved.enumerated() {
      let planned = plan.tensors[layout.saved[index]].type.byteCount
      guard type.byteCount <= planned else {
        throw DenpaError(
          .layerFailed,
          "saved tensor \(index) has \(type.byteCount) bytes with \(rows) rows and \(planned) with \(plan.maximumRows): \(rule)"
        )
      }
    }
    let planned = layout.workspace.map { plan.tensors[$0].type.byteCount } ?? 0
    guard workspaceBytes <= planned else {
      throw DenpaError(
        .layerFailed,
        "its workspace has \(workspaceBytes) bytes with \(rows) rows and \(planned) with \(plan.maximumRows): \(rule)"
      )
    }
  }
}
