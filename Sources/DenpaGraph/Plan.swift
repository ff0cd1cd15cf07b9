import DenpaCore
import DenpaKernelTypes

/// A tensor whose memory is the caller's, bound at each call.
public struct Slot: Sendable {
  public enum Kind: Sendable, Equatable {
    case input, target, output, outputGradient, inputGradient, valueGradient
  }
  public var kind: Kind
  /// The number of the input, target or output.
  public var index: Int
  public var name: String
  /// The type with the symbolic batch, in the model's dtype.
  public var type: TensorType
  public var tensor: TensorID
}

/// What a plan is to be compiled for.
public struct PlanRequest: Sendable {
  public var mode: PlanMode
  public var maximumRows: Int
  public var threads: Int32
  /// The extents of the open axes of the model's inputs, in order.
  public var extents: [Int] = []
  /// The losses on the model's outputs; `targets` has the types of their targets and of the weights of their
  /// samples, as they are passed in (`LossTensors`).
  /// Without losses, outputs are written to the caller's memory, and in training the gradients with respect
  /// to the outputs are passed in.
  public var losses: [LossTerm] = []
  public var targets: [TensorType] = []
  public var inputGradients = false
  /// Values whose gradients are wanted besides those of inputs and parameters.
  public var gradientValues: [ValueID] = []
  /// Whether each parameter is trained; nil: as the model declares.
  public var trainable: [Bool]?
  /// Whether every value stays where it is (`Plan.kept`), and with losses in training the gradient with
  /// respect to every float value. Outputs are not written to the caller's memory then.
  public var keepsAll = false

  public init(_ mode: PlanMode, maximumRows: Int, threads: Int32) {
    self.mode = mode
    self.maximumRows = maximumRows
    self.threads = threads
  }
}

/// A graph compiled for one purpose: its ops in order, and the place of every tensor. It is immutable and
/// serves every number of rows up to the maximum, with fixed values for open extents.
public final class Plan: Sendable {
  public let graph: Graph
  public let mode: PlanMode
  public let dtype: DType
  public let maximumRows: Int
  public let threads: Int32
  /// The extents of the open axes of the model's inputs, in order.
  public let extents: [Int]
  public let ops: [Op]
  public let tensors: [PlanTensor]
  public let slots: [Slot]
  /// The number of ops that belong to forward, including the losses.
  public let forwardCount: Int
  /// The scalar of each loss term, in order, and its weight; behind them those of the layers' penalties.
  public let losses: [(tensor: TensorID, weight: Double)]
  /// Where a plan that keeps all has the values and gradients; nil in other plans.
  public let kept: KeptTensors?
  /// The tensors of the model's outputs, from which the accuracy is computed.
  public let outputTensors: [TensorID]
  public var targetCount: Int { slots.reduce(0) { $0 + ($1.kind == .target ? 1 : 0) } }
  let kernels: KernelTable
  /// The byte offset of each temporary in the arena; −1 for other tensors.
  let offsets: [Int]
  /// The workspace of each op.
  let workspaces: [Workspace]

  struct Workspace {
    /// The offset in the arena, if there are any bytes.
    var offset = 0
    var byteCount = 0
  }

  let arenaBytes: Int
  /// The offsets of the arena's pages that are made inaccessible in guard mode.
  let forbiddenPages: [Int]
  /// Whether places in the arena end at inaccessible pages; if so, a batch with fewer rows is at their ends.
  let isGuarded: Bool
  /// The numbers of the trained parameters whose gradients the ops write, and of those whose gradients no op
  /// writes.
  let reachedParameters: [Int]
  let unreachedParameters: [Int]

  static func kernelTable(_ dtype: DType) throws(DenpaError) -> KernelTable {
    let set = try Kernels.chosen()
    return dtype == .float64 ? set.float64 : set.float32
  }

  public init(_ model: Model, _ request: PlanRequest) throws(DenpaError) {
    let dtype = model.dtype
    guard request.maximumRows >= 0, request.maximumRows <= Int(Int32.max) else {
      throw DenpaError(.limitExceeded, "a batch has at most 2147483647 rows, got \(request.maximumRows)")
    }
    var graph = try model.graph.closed(request.extents)
    for node in graph.nodes {
      guard let spec = node.spec, !spec.dtypes.contains(dtype) else { continue }
      throw DenpaError(.notSupported, "\(node.kind) \"\(node.name)\" does not support \(dtype)")
    }
    let losses = try graph.add(request.losses, request.targets, to: model)
    var numbers = model.parameterNumbers
    for _ in numbers.count..<graph.nodes.count { numbers.append([]) }
    let builder = PlanBuilder(
      graph: graph, dtype: dtype, mode: request.mode, maximumRows: request.maximumRows,
      parameterNumbers: numbers,
      trainable: request.trainable ?? model.parameters.map(\.isTrained),
      inputGradients: request.inputGradients, gradientValues: request.gradientValues,
      allGradients: request.keepsAll && graph.nodes.allSatisfy { $0.spec?.differentiable ?? true })

    var slots: [Slot] = []
    func addSlot(_ kind: Slot.Kind, _ index: Int, _ name: String, _ tensor: TensorID) {
      builder.tensors[tensor].role = .slot(slots.count)
      slots.append(
        Slot(kind: kind, index: index, name: name, type: builder.tensors[tensor].type, tensor: tensor))
    }
    for (index, value) in graph.inputs.enumerated() {
      let isTarget = index >= model.graph.inputs.count
      addSlot(
        isTarget ? .target : .input, isTarget ? index - model.graph.inputs.count : index,
        graph.nodes[graph.values[value].node].name, builder.valueTensors[value])
    }
    try builder.emitForward()

    var roots = Set<TensorID>()
    let outputTensors = model.outputs.map { builder.valueTensors[$0] }
    if request.keepsAll {
      for value in model.graph.values.indices { roots.insert(builder.valueTensors[value]) }
    } else if request.losses.isEmpty {
      // Outputs are written to the caller's memory: directly if the tensor can be there, by a copy if it is
      // an input, is an output twice, or will be read by backward, when the caller's memory may be gone.
      var taken = Set<TensorID>()
      for (index, tensor) in outputTensors.enumerated() {
        let name = model.outputNames[index]
        let direct =
          request.mode == .infer && builder.tensors[tensor].role == .temporary
          && taken.insert(tensor).inserted
        if direct {
          addSlot(.output, index, name, tensor)
          roots.insert(tensor)
        } else {
          let node = graph.values[model.outputs[index]].node
          let copy = builder.add(builder.tensors[tensor].type, .temporary, node: node, label: "output")
          builder.ops.append(Op(CopyOperation(), node: node, reads: [tensor], to: copy))
          addSlot(.output, index, name, copy)
          roots.insert(copy)
        }
      }
    }
    for loss in losses { roots.insert(builder.valueTensors[loss.value]) }
    if !request.losses.isEmpty {
      for value in model.outputs { roots.insert(builder.valueTensors[value]) }
    }
    let forwardMark = builder.ops.count

    var gradients: [TensorID?] = Array(repeating: nil, count: model.graph.values.count)
    if request.mode != .infer, !(request.keepsAll && request.losses.isEmpty) {
      if request.losses.isEmpty {
        for (index, value) in model.outputs.enumerated() where graph.values[value].type.dtype.isFloat {
          // A value that is an output twice has two gradients, which are added.
          let gradient = builder.gradientTensor(value)
          builder.setGradient(value, gradient)
          // The caller's gradient is copied, because the value may have other readers, whose contributions
          // are added to it.
          let seed = builder.add(
            builder.tensors[gradient].type, .temporary, node: graph.values[value].node, label: "seed")
          builder.ops.append(Op(CopyOperation(), node: graph.values[value].node, reads: [seed], to: gradient))
          addSlot(.outputGradient, index, model.outputNames[index], seed)
        }
      } else {
        for loss in losses {
          let node = graph.values[loss.value].node
          let seed = builder.add(
            TensorType(dtype, []), .constant(loss.weight), node: node, label: "weight")
          builder.setGradient(loss.value, seed)
          builder.needsGradient[loss.value] = true
        }
      }
      try builder.emitBackward()
      func wantedGradient(_ value: ValueID) -> TensorID {
        let wasReached = builder.isReached(value)
        let gradient = builder.gradientTensor(value)
        if !wasReached {
          let node = graph.values[value].node
          builder.ops.append(Op(ZeroOperation(), node: node, reads: [], to: gradient))
        }
        roots.insert(gradient)
        return gradient
      }
      func addGradientSlot(_ kind: Slot.Kind, _ index: Int, _ value: ValueID) {
        addSlot(kind, index, graph.nodes[graph.values[value].node].name, wantedGradient(value))
      }
      if request.inputGradients {
        for (index, value) in model.graph.inputs.enumerated() where graph.values[value].type.dtype.isFloat {
          addGradientSlot(.inputGradient, index, value)
        }
      }
      for (index, value) in request.gradientValues.enumerated() {
        addGradientSlot(.valueGradient, index, value)
      }
      if request.keepsAll {
        for value in model.graph.values.indices where builder.needsGradient[value] {
          gradients[value] = wantedGradient(value)
        }
      }
    }

    // Passes insert, move and remove ops, so the end of forward is marked by an op, not by its index.
    var forward = Passes(tensors: builder.tensors, ops: builder.ops, roots: roots)
    for (id, tensor) in builder.tensors.enumerated() {
      // Layers' states are parameters that ops write.
      switch tensor.role {
      case .parameterGradient, .parameter: forward.roots.insert(id)
      default: break
      }
    }
    let boundary = Plan.markBoundary(&forward, forwardMark)
    forward.dropUnwanted()
    let observes = request.mode == .observe || request.keepsAll || GuardMode.observes
    if request.keepsAll {
      // Probabilities that are 0 would have no logarithm: what is kept has to be what training computes.
      forward.fuseSoftmaxCrossEntropy()
    } else if !observes {
      forward.fuseSoftmaxCrossEntropy()
      forward.fuseActivations()
      forward.fuseDerivatives()
      forward.elideCopies()
    }
    forward.copyViews()
    forward.clearWhatIsWrittenInParts()
    forward.chooseModes()
    let split = Plan.removeBoundary(&forward, boundary)
    try checkMemory("a plan")

    self.graph = graph
    self.mode = request.mode
    self.dtype = dtype
    self.maximumRows = request.maximumRows
    self.threads = request.threads
    self.extents = request.extents
    self.kernels = try Plan.kernelTable(dtype)
    self.ops = forward.ops
    self.tensors = forward.tensors
    self.slots = slots
    self.forwardCount = split
    self.losses = losses.map { (builder.valueTensors[$0.value], $0.weight) }
    self.outputTensors = outputTensors
    self.kept =
      request.keepsAll
      ? KeptTensors(
        builder, nodes: model.graph.nodes.count, gradients: gradients, in: forward) : nil

    isGuarded = GuardMode.isOn
    let sizes = Sizes(
      tensors: tensors, rows: request.maximumRows, kernels: kernels, threads: request.threads)
    let (arena, workspaces) = try Plan.layOut(
      ops, sizes, keep: Set(outputTensors).union(self.losses.map(\.tensor)),
      isGuarded ? .guarded : observes ? .none : .lifetimes)
    offsets = Array(arena.offsets[..<tensors.count])
    arenaBytes = arena.byteCount
    forbiddenPages = arena.forbiddenPages
    self.workspaces = workspaces
    var isReached = Array(repeating: false, count: builder.trainable.count)
    for op in ops {
      for destination in op.writes {
        guard let destination,
          case .parameterGradient(let number) = tensors[tensors.storage(destination.tensor)].role
        else { continue }
        isReached[number] = true
      }
    }
    reachedParameters = isReached.indices.filter { isReached[$0] }
    unreachedParameters =
      request.mode == .infer ? [] : isReached.indices.filter { builder.trainable[$0] && !isReached[$0] }
  }

  /// Returns the byte offset of a temporary in the arena for a batch of `rows` rows.
  func offset(_ id: TensorID, rows: Int) -> Int {
    let type = tensors[id].type
    return place(
      offsets[id], planned: type.withRows(maximumRows).byteCount, wanted: type.withRows(rows).byteCount)
  }

  /// Returns the offset of `wanted` bytes in a place for `planned` bytes: at its beginning, or in guard mode
  /// at its end.
  func place(_ offset: Int, planned: Int, wanted: Int) -> Int {
    guard isGuarded else { return offset }
    return offset + Arena.placeBytes(planned) - Arena.placeBytes(wanted)
  }

  /// Inserts a marker op between forward and backward, so that passes can change the ops without losing the
  /// boundary.
  private static func markBoundary(_ passes: inout Passes, _ index: Int) -> TensorID {
    let id = passes.tensors.count
    passes.tensors.append(
      PlanTensor(type: TensorType(.uint8, [0]), role: .temporary, node: 0, label: "end of forward"))
    passes.roots.insert(id)
    passes.ops.insert(Op(ZeroOperation(), node: 0, reads: [], to: id), at: index)
    return id
  }

  private static func removeBoundary(_ passes: inout Passes, _ marker: TensorID) -> Int {
    let index = passes.ops.firstIndex { $0.writes.first??.tensor == marker } ?? passes.ops.count
    if index < passes.ops.count { passes.ops.remove(at: index) }
    return index
  }

  /// Computes the lifetimes of temporaries from the order of the ops, and from them the arena, including the
  /// ops' workspaces.
  private static func layOut(
    _ ops: [Op], _ sizes: Sizes, keep: Set<TensorID>, _ sharing: Arena.Sharing
  ) throws(DenpaError) -> (arena: Arena, workspaces: [Workspace]) {
    let count = sizes.tensors.count
    var first = Array(repeating: Int.max, count: count), last = Array(repeating: -1, count: count)
    func touch(_ tensor: TensorID, _ op: Int) {
      let base = sizes.tensors.storage(tensor)
      guard sizes.tensors[base].role == .temporary else { return }
      first[base] = min(first[base], op)
      last[base] = max(last[base], op)
    }
    var intervals: [Arena.Interval] = []
    var workspaces = Array(repeating: Workspace(), count: ops.count)
    for (index, op) in ops.enumerated() {
      for tensor in op.reads { touch(tensor, index) }
      for destination in op.writes { if let destination { touch(destination.tensor, index) } }
      let bytes = try op.operation.workspace(op, sizes)
      guard bytes > 0 else { continue }
      workspaces[index].byteCount = bytes
      intervals.append(
        Arena.Interval(tensor: count + index, first: index, last: index, bytes: Arena.placeBytes(bytes)))
    }
    for tensor in keep { touch(tensor, ops.count) }
    for id in 0..<count where last[id] >= 0 {
      let type = sizes.type(id)
      let bytes = Arena.placeBytes(try type.shape.checkedCount() * type.dtype.size)
      intervals.append(Arena.Interval(tensor: id, first: first[id], last: last[id], bytes: bytes))
    }
    let arena = try Arena(intervals, tensorCount: count + ops.count, sharing)
    for index in ops.indices where workspaces[index].byteCount > 0 {
      workspaces[index].offset = arena.offsets[count + index]
    }
    return (arena, workspaces)
  }
}
