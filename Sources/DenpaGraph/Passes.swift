import DenpaCore
import DenpaKernelTypes

/// Rewrites the ops that recipes have written down. Each pass is a function over the whole list; their order
/// is in `Plan`.
struct Passes {
  var tensors: [PlanTensor]
  var ops: [Op]
  /// Tensors that must come out: outputs, losses, gradients that are wanted.
  var roots: Set<TensorID>
  /// Tensors that are written in parts, each element once.
  private var divided = Set<TensorID>()

  init(tensors: [PlanTensor], ops: [Op], roots: Set<TensorID>) {
    self.tensors = tensors
    self.ops = ops
    self.roots = roots
  }

  /// For each tensor that has memory: the ops that read it, or a view of it.
  private func readers() -> [[Int]] {
    var result = Array(repeating: [Int](), count: tensors.count)
    for (index, op) in ops.enumerated() {
      for tensor in op.reads.map({ tensors.storage($0) }) where result[tensor].last != index {
        result[tensor].append(index)
      }
    }
    return result
  }

  /// For each tensor that has memory: the ops that write it, or a view of it.
  private func writers() -> [[Int]] {
    var result = Array(repeating: [Int](), count: tensors.count)
    for (index, op) in ops.enumerated() {
      for destination in op.writes {
        if let destination { result[tensors.storage(destination.tensor)].append(index) }
      }
    }
    return result
  }

  private func isPlain(_ id: TensorID) -> Bool { tensors[id].role == .temporary && !roots.contains(id) }

  private func isOwnedOrBound(_ id: TensorID) -> Bool {
    switch tensors[id].role {
    case .temporary, .slot: true
    default: false
    }
  }

  /// Drops every op and every destination that no root needs.
  mutating func dropUnwanted() {
    var needed = Array(repeating: false, count: tensors.count)
    for root in roots { needed[tensors.storage(root)] = true }
    var kept: [Op] = []
    for var op in ops.reversed() {
      var wanted = false
      for index in op.writes.indices {
        guard let destination = op.writes[index] else { continue }
        if needed[tensors.storage(destination.tensor)] {
          wanted = true
        } else if op.operation.writesWhatIsWanted {
          op.writes[index] = nil
        }
      }
      guard wanted else { continue }
      for tensor in op.reads { needed[tensors.storage(tensor)] = true }
      kept.append(op)
    }
    ops = kept.reversed()
  }

  /// softmax and the cross-entropy of its probabilities become one op over the logits, forward and backward:
  /// one sweep over the row instead of three, and no division by a tiny probability. Not with an epsilon,
  /// which belongs inside the log. A gradient of the probabilities that is wanted for itself is still
  /// computed.
  mutating func fuseSoftmaxCrossEntropy() {
    let readers = readers(), writers = writers()
    var dead = Set<Int>()
    for index in ops.indices {
      guard let entropy = ops[index].operation as? CrossEntropyOperation, !entropy.fromLogits,
        entropy.epsilon == 0,
        let loss = ops[index].writes[0]
      else { continue }
      let p = ops[index].reads[0]
      guard tensors[p].role == .temporary, writers[p].count == 1, let first = writers[p].first,
        // Along another axis than the last one it writes a view of p.
        ops[first].writes[0]?.tensor == p,
        let softmax = ops[first].operation as? SoftmaxOperation, !softmax.isLog
      else { continue }
      let logits = ops[first].reads[0]
      // Whoever else reads p (a prediction that is looked at, the softmax's own gradient) finds it where it
      // was: but not before this op, which writes it now.
      guard readers[p].allSatisfy({ $0 >= index }) else { continue }
      var backward: (loss: Int, softmax: Int)?
      for reader in readers[p] where reader != index {
        guard let gradient = ops[reader].operation as? CrossEntropyGradientOperation, !gradient.fromLogits,
          gradient.epsilon == 0, let dp = ops[reader].writes[0]?.tensor
        else { continue }
        guard tensors[dp].role == .temporary, writers[dp].count == 1, readers[dp].count == 1,
          let next = readers[dp].first,
          ops[next].operation is SoftmaxGradientOperation, ops[next].reads[0] == p
        else { continue }
        backward = (reader, next)
      }
      let gradientReaders = readers[p].filter { $0 != index }
      if !gradientReaders.isEmpty && backward == nil { continue }
      ops[index].operation = CrossEntropyOperation(fromLogits: true, epsilon: 0, reduction: entropy.reduction)
      ops[index].reads[0] = logits
      ops[index].writes = [loss, Destination(tensor: p)]
      dead.insert(first)
      if let backward, let dx = ops[backward.softmax].writes[0] {
        // In place of the softmax's gradient, where the gradient of p is kept, or else in that one's place.
        let isKept = ops[backward.loss].writes[0].map { roots.contains($0.tensor) } ?? false
        let place = isKept ? backward.softmax : backward.loss
        ops[place].operation = CrossEntropyGradientOperation(
          fromLogits: true, epsilon: 0, reduction: entropy.reduction)
        ops[place].reads = ops[backward.loss].reads
        ops[place].writes = [dx]
        if !isKept { dead.insert(backward.softmax) }
      }
    }
    remove(dead)
  }

  /// y = f(x·W + b) in one kernel, where nobody else looks at what f is applied to: in training that is
  /// backward, where f's derivative is computed from it.
  mutating func fuseActivations() {
    let readers = readers(), writers = writers()
    var dead = Set<Int>()
    for index in ops.indices {
      guard let map = ops[index].operation as? MapOperation, map.function.isFusable,
        let y = ops[index].writes[0]
      else { continue }
      let u = ops[index].reads[0]
      guard isPlain(u), readers[u].count == 1, writers[u].count == 1, let first = writers[u].first,
        ops[first].writes[0]?.tensor == u,
        var product = ops[first].operation as? ProductOperation, product.isPlain
      else { continue }
      product.function = map.function
      ops[first].operation = product
      ops[first].writes = [y]
      dead.insert(index)
    }
    remove(dead)
  }

  /// du = (dy·Wᵀ) ∘ f'(y) in one kernel, f' computed from y or from f's argument, where dy·Wᵀ has no other
  /// reader and no other writer.
  mutating func fuseDerivatives() {
    let readers = readers(), writers = writers()
    var dead = Set<Int>()
    for index in ops.indices {
      guard let map = ops[index].operation as? MapGradientOperation, map.function.isFusable,
        let du = ops[index].writes[0]
      else { continue }
      let y = ops[index].reads[0], dy = ops[index].reads[1]
      guard isPlain(dy), readers[dy].count == 1, writers[dy].count == 1, let first = writers[dy].first,
        writers[tensors.storage(du.tensor)].count == 1,
        ops[first].writes[0]?.tensor == dy,
        var product = ops[first].operation as? ProductOperation, product.isPlain, !product.hasBias
      else { continue }
      product.derivative = map.function
      ops[first].operation = product
      ops[first].reads.append(y)
      ops[first].writes = [du]
      dead.insert(index)
    }
    remove(dead)
  }

  /// y = x where y has this one writer and is ours: y becomes another name of x's memory. Nothing writes in
  /// place, so both stay what they are. x may be the caller's: what backward reads of it is bound as long as
  /// the plan runs. If x is a view with gaps, all that read y have to take one, and nothing may be a view of
  /// y.
  mutating func elideCopies() {
    let readers = readers(), writers = writers()
    var views: [TensorID: [TensorID]] = [:]
    for id in tensors.indices where tensors.storage(id) != id {
      views[tensors.storage(id), default: []].append(id)
    }
    var dead = Set<Int>()
    for index in ops.indices {
      guard let copy = ops[index].operation as? CopyOperation, copy.isPlain,
        let y = ops[index].writes[0]?.tensor
      else { continue }
      let x = ops[index].reads[0], base = tensors.storage(x)
      guard isPlain(y), writers[y].count == 1, isOwnedOrBound(base),
        // All of x is there before y's first reader, since this op is between them.
        (writers[base].last ?? -1) < index,
        tensors.isContiguous(x)
          || tensors[x].type.shape == tensors[y].type.shape && views[y] == nil
            && readers[y].allSatisfy({ takesViews(ops[$0], of: y) })
      else { continue }
      tensors[y].role = tensors.alias(of: x)
      guard case .view(_, let alias) = tensors[y].role else { continue }
      for id in views.removeValue(forKey: y) ?? [] {
        guard case .view(_, var view) = tensors[id].role else { continue }
        view.offset += alias.offset
        view.isPart = view.isPart || alias.isPart
        tensors[id].role = .view(base, view)
        views[base, default: []].append(id)
      }
      views[base, default: []].append(y)
      dead.insert(index)
    }
    remove(dead)
  }

  /// Whether an op takes a view with gaps wherever it reads `tensor`.
  private func takesViews(_ op: Op, of tensor: TensorID) -> Bool {
    op.reads.indices.allSatisfy { op.reads[$0] != tensor || op.operation.readsViews($0) }
  }

  /// Copies views with gaps for operations whose kernels read memory without.
  mutating func copyViews() {
    var result: [Op] = []
    for var op in ops {
      for read in op.reads.indices
      where !op.operation.readsViews(read) && !tensors.isContiguous(op.reads[read]) {
        let own = addTemporary(tensors[op.reads[read]].type, node: op.node, "a view, copied")
        result.append(Op(CopyOperation(), node: op.node, reads: [op.reads[read]], to: own))
        op.reads[read] = own
      }
      result.append(op)
    }
    ops = result
  }

  private mutating func addTemporary(_ type: TensorType, node: Int, _ label: String) -> TensorID {
    tensors.append(PlanTensor(type: type, role: .temporary, node: node, label: label))
    return tensors.count - 1
  }

  /// Memory that is written part by part: zeros come first, unless the parts are slices that are all of it,
  /// each written once.
  mutating func clearWhatIsWrittenInParts() {
    var cleared: [Int: [TensorID]] = [:]
    for (base, writers) in writers().enumerated() {
      let parts = writers.flatMap { index in
        ops[index].writes.compactMap { $0?.tensor }.filter { tensors.storage($0) == base }
      }
      guard let first = writers.first, let firstPart = parts.first, tensors.isPart(firstPart) else {
        continue
      }
      if isDivided(base, parts) { divided.insert(base) } else { cleared[first, default: []].append(base) }
    }
    guard !cleared.isEmpty else { return }
    var result: [Op] = []
    for (index, op) in ops.enumerated() {
      for base in cleared[index] ?? [] {
        result.append(Op(ZeroOperation(), node: op.node, reads: [], to: base))
      }
      result.append(op)
    }
    ops = result
  }

  /// Whether the parts are slices of `base` along one axis that are all of it together, each once.
  private func isDivided(_ base: TensorID, _ parts: [TensorID]) -> Bool {
    let spans = parts.compactMap { tensors.span(of: $0) }
    guard spans.count == parts.count, let axis = spans.first?.axis, spans.allSatisfy({ $0.axis == axis })
    else {
      return false
    }
    var end = 0
    for indices in spans.map(\.indices).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard indices.lowerBound == end else { return false }
      end = indices.upperBound
    }
    return end == tensors[base].type.shape[axis]
  }

  /// The first write of a gradient overwrites, the others add. Gradients of parameters ask the executor at
  /// the first write. A state is overwritten by each of the nodes that share it. What cannot add, or cannot write a view with gaps, writes to its own memory and is
  /// copied from there.
  mutating func chooseModes() {
    var written = Set<TensorID>()
    var result: [Op] = []
    for var op in ops {
      var copies: [Op] = []
      for slot in op.writes.indices {
        guard var destination = op.writes[slot] else { continue }
        let base = tensors.storage(destination.tensor)
        let isFirst = written.insert(base).inserted
        if case .parameter = tensors[base].role {
          destination.mode = .overwrite
        } else if !isFirst, !divided.contains(base) {
          destination.mode = .add
        } else if case .parameterGradient = tensors[base].role {
          destination.mode = .runtime
        }
        let mustCopy =
          destination.mode != .overwrite && !op.operation.adds(to: slot)
          || !tensors.isContiguous(destination.tensor)
            && !op.operation.writesViews(slot, tensors.layout(destination.tensor, rows: 2))
        if mustCopy {
          let own = addTemporary(tensors[destination.tensor].type, node: op.node, "to be copied")
          copies.append(Op(CopyOperation(), node: op.node, reads: [own], writes: [destination]))
          destination = Destination(tensor: own)
        }
        op.writes[slot] = destination
      }
      result.append(op)
      result += copies
    }
    ops = result
  }

  private mutating func remove(_ dead: Set<Int>) {
    guard !dead.isEmpty else { return }
    ops = ops.indices.filter { !dead.contains($0) }.map { ops[$0] }
  }
}
