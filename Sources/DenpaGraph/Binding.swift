import DenpaCore

/// The tensors of a call, in order.
public struct TensorList {
  public let views: UnsafeBufferPointer<TensorView>
  /// Changes whenever a tensor's type is another one than in the list of the call before. 0: not counted.
  let version: UInt64

  public init(_ views: UnsafeBufferPointer<TensorView>, version: UInt64 = 0) {
    self.views = views
    self.version = version
  }

  @inline(__always) public var count: Int { views.count }
  @inline(__always) public subscript(index: Int) -> TensorView { views[index] }
}

/// The types that an executor's slots were last bound for by `Executor.bind`.
struct BoundTypes {
  /// Versions of the lists.
  var first: UInt64 = 0
  var second: UInt64 = 0
  /// 0: nothing is known.
  var rows = 0
}

/// What is known of a slot that was bound in place.
struct BoundSlot {
  var byteCount: UInt = 0
  /// Bits of an address that are 0 if it is aligned.
  var misalignment: UInt = 0
}

extension Model {
  /// Checks the inputs of a batch; returns the rows that they agree on, and what their open extents are.
  public func sizes(
    of inputs: UnsafeBufferPointer<TensorView>, withData: Bool = true
  ) throws(DenpaError) -> BatchSizes {
    guard inputs.count == graph.inputs.count else {
      throw DenpaError(.badArgument, "the model has \(graph.inputs.count) input(s), got \(inputs.count)")
    }
    func name(_ index: Int) -> Message {
      "input \"\(graph.nodes[graph.values[graph.inputs[index]].node].name)\""
    }
    var sizes = BatchSizes()
    for index in 0..<inputs.count {
      let expected = graph.values[graph.inputs[index]].type
      let own = try inputs[index].rows(as: expected, withData: withData, name(index))
      guard index == 0 || own == sizes.rows else {
        throw DenpaError(
          .badShape, "\(name(index)): expected \(sizes.rows) rows like the first tensor, got \(own)")
      }
      sizes.rows = own
      guard isOpen else { continue }
      let given = inputs[index].type.shape, missing = expected.shape.rank - given.rank
      for axis in 0..<expected.shape.rank where expected.shape[axis] == Shape.any {
        sizes.extents.append(given[axis - missing])
      }
    }
    return sizes
  }
}

/// Binding: which memory the slots of a plan are in a call.
extension Executor {
  /// Binds a call whose tensors have the same types as those that `bind` bound last, all of them in place,
  /// so that only addresses are checked: the other checks would take as long as the step of a small network.
  /// Returns the rows, or nil if the call has to be checked and bound.
  @inline(__always)
  public func rebind(_ inputs: TensorList, _ others: TensorList) -> Int? {
    guard bound.rows > 0, inputs.version == bound.first, others.version == bound.second else { return nil }
    guard take(inputs, from: 0), take(others, from: inputs.count) else { return nil }
    return bound.rows
  }

  /// Likewise with outputs, which must not overlap anything else.
  @inline(__always)
  public func rebind(_ inputs: TensorList, outputs: TensorList) -> Int? {
    guard let rows = rebind(inputs, outputs) else { return nil }
    for slot in inputs.count..<inputs.count &+ outputs.count {
      for other in 0..<slot where !isApart(slot, other) { return nil }
    }
    return rows
  }

  @inline(__always)
  private func take(_ list: TensorList, from first: Int) -> Bool {
    guard var view = list.views.baseAddress else { return list.count == 0 }
    var slot = slots + first
    var known = boundSlots + first
    let end = slot + list.count
    while slot < end {
      guard let data = view.pointee.data, UInt(bitPattern: data) & known.pointee.misalignment == 0 else {
        return false
      }
      slot.pointee = data
      view += 1
      known += 1
      slot += 1
    }
    return true
  }

  /// Whether the memory of two bound slots does not overlap.
  @inline(__always)
  private func isApart(_ slot: Int, _ other: Int) -> Bool {
    let start = UInt(bitPattern: slots[slot]), otherStart = UInt(bitPattern: slots[other])
    return start >= otherStart &+ boundSlots[other].byteCount
      || otherStart >= start &+ boundSlots[slot].byteCount
  }

  /// Checks the targets of a batch whose inputs `Model.sizes(of:)` has checked. Binds nothing.
  public func check(_ inputs: TensorList, targets: TensorList, rows: Int) throws(DenpaError) {
    for index in 0..<targets.count {
      let slot = inputs.count + index
      let targetRows = try rowsOf(slot, targets[index])
      guard targetRows == rows else {
        throw DenpaError(
          .badShape, "\(describe(slot)): expected \(rows) rows like \(describe(0)), got \(targetRows)")
      }
      try checkFits(slot, targets[index])
    }
    for index in 0..<inputs.count { try checkFits(index, inputs[index]) }
  }

  /// Checks the memory of outputs for inputs that `Model.sizes(of:)` has checked. Binds nothing.
  public func check(_ inputs: TensorList, outputs: TensorList, rows: Int) throws(DenpaError) {
    for index in 0..<outputs.count { try checkOutput(inputs.count + index, outputs[index], rows: rows) }
    try checkApart(inputs.views, outputs.views)
    for index in 0..<inputs.count { try checkFits(index, inputs[index]) }
  }

  /// Binds what `check` has checked to the first slots. `isWritten`: the others are outputs.
  public func bind(
    _ inputs: TensorList, _ others: TensorList, rows: Int, isWritten: Bool = false
  ) throws(DenpaError) {
    bound.rows = 0
    let first = inputs.count
    for index in 0..<first { try bindInput(index, inputs[index]) }
    for index in 0..<others.count {
      if isWritten {
        try bindOutput(first + index, others[index])
      } else {
        try bindInput(first + index, others[index])
      }
    }
    remember(inputs, others, rows)
  }

  /// If all is bound in place, the next call may be like this one.
  private func remember(_ inputs: TensorList, _ others: TensorList, _ rows: Int) {
    guard inputs.version != 0, others.version != 0 else { return }
    for index in 0..<inputs.count + others.count {
      let view = index < inputs.count ? inputs[index] : others[index - inputs.count]
      guard view.data != nil, slots[index] == view.data else { return }
      boundSlots[index] = BoundSlot(
        byteCount: UInt(view.type.byteCount), misalignment: UInt(view.type.dtype.size - 1))
    }
    bound = BoundTypes(first: inputs.version, second: others.version, rows: rows)
  }

  /// The rows of a tensor that goes to a slot, or what is wrong with it.
  public func rowsOf(_ slot: Int, _ view: TensorView) throws(DenpaError) -> Int {
    let rows = try rowsOfAnySize(slot, view)
    guard rows <= plan.maximumRows else {
      throw DenpaError(
        .badShape, "\(describe(slot)): \(rows) rows are more than max_batch, \(plan.maximumRows)")
    }
    return rows
  }

  /// Likewise for data that is going to be cut into batches.
  public func rowsOfAnySize(_ slot: Int, _ view: TensorView) throws(DenpaError) -> Int {
    try view.rows(as: plan.slots[slot].type, describe(slot))
  }

  /// Checks that integers which have to be converted fit into the slot's dtype.
  private func checkFits(_ slot: Int, _ view: TensorView) throws(DenpaError) {
    let expected = plan.slots[slot].type.dtype
    if view.type.dtype != expected { try view.checkFits(expected, describe(slot)) }
  }

  /// Binds a tensor that was checked to a slot that is read, converted where its dtype is another.
  public func bindInput(_ slot: Int, _ view: TensorView) throws(DenpaError) {
    let expected = plan.slots[slot].type.dtype
    guard let data = view.data else {
      slots[slot] = someMemory
      return
    }
    if view.type.dtype == expected, UInt(bitPattern: data) & UInt(expected.size - 1) == 0, !isGuarded {
      slots[slot] = data
      return
    }
    let memory = try stagingMemory(slot, elements: view.type.shape.count)
    convert(data, view.type.dtype, to: memory, expected, count: view.type.shape.count)
    slots[slot] = memory
  }

  /// Memory of the executor's own for a slot's largest batch, of which `elements` are used: in guard mode the
  /// last ones, so that they end at an inaccessible page, aligned to an element like memory of a caller's.
  public func stagingMemory(_ slot: Int, elements: Int) throws(DenpaError) -> UnsafeMutableRawPointer {
    let memory: Buffer
    if let known = staging[slot] {
      memory = known
    } else {
      let type = plan.slots[slot].type.withRows(plan.maximumRows)
      memory = try Buffer(byteCount: type.byteCount, zeroed: false, "a converted batch")
      staging[slot] = memory
    }
    guard isGuarded else { return memory.base }
    stagedOutputs.removeAll { $0.slot == slot }
    GuardMode.poison(memory.base, memory.byteCount)
    return memory.base + (memory.paddedBytes - elements * plan.slots[slot].type.dtype.size)
  }

  /// Copies what is bound to a slot into memory of the executor's own, where it stays until the slot is bound
  /// again.
  public func keep(_ slot: Int, elements: Int) throws(DenpaError) {
    let bound = slots[slot]
    if let bound, let own = staging[slot], bound >= own.base, bound < own.base + own.paddedBytes {
      return
    }
    let memory = try stagingMemory(slot, elements: elements)
    if let bound { memory.copyMemory(from: bound, byteCount: elements * plan.slots[slot].type.dtype.size) }
    slots[slot] = memory
  }

  /// Checks memory that a slot's values are to be written to, for a batch of `rows`.
  public func checkOutput(_ slot: Int, _ view: TensorView, rows: Int) throws(DenpaError) {
    let expected = plan.slots[slot].type
    guard view.type.dtype == expected.dtype else {
      throw DenpaError(.badDType, "\(describe(slot)): expected \(expected.dtype), got \(view.type.dtype)")
    }
    let given = view.type.shape
    let wanted = expected.shape.withRows(rows)
    let sample = rows == 1 && given.rank == wanted.rank - 1 && given.matches(wanted, skip: 0)
    guard given == wanted || sample else {
      throw DenpaError(.badShape, "\(describe(slot)): expected room for \(wanted), got \(given)")
    }
    guard view.data != nil || given.count == 0 else {
      throw DenpaError(.badArgument, "\(describe(slot)): the tensor's data is NULL")
    }
    guard UInt(bitPattern: view.data) & UInt(expected.dtype.size - 1) == 0 else {
      throw DenpaError(.badArgument, "\(describe(slot)): the memory is not aligned for \(expected.dtype)")
    }
  }

  /// Binds memory that `checkOutput` has checked.
  public func bindOutput(_ slot: Int, _ view: TensorView) throws(DenpaError) {
    guard let data = view.data else {
      slots[slot] = someMemory
      return
    }
    slots[slot] = data
    if isGuarded {
      let memory = try stagingMemory(slot, elements: view.type.shape.count)
      slots[slot] = memory
      stagedOutputs.append(
        StagedOutput(slot: slot, staged: memory, data: data, byteCount: view.type.byteCount))
    }
  }

  /// In guard mode: an output that is written to memory of the executor's own, and where it is copied
  /// afterwards.
  struct StagedOutput {
    var slot: Int
    var staged: UnsafeMutableRawPointer
    var data: UnsafeMutableRawPointer
    var byteCount: Int
  }

  public func describe(_ slot: Int) -> Message {
    let description = plan.slots[slot]
    return switch description.kind {
    case .input: "input \"\(description.name)\""
    case .target: "\(description.name)"
    case .output: "output \"\(description.name)\""
    case .outputGradient: "gradient of output \"\(description.name)\""
    case .inputGradient: "gradient of input \"\(description.name)\""
    case .valueGradient: "gradient of \"\(description.name)\""
    }
  }
}

/// Refuses memory that is to be written if it overlaps memory that is read, or other memory that is written.
public func checkApart(
  _ read: UnsafeBufferPointer<TensorView>, _ written: UnsafeBufferPointer<TensorView>,
  _ reading: StaticString = "input", _ writing: StaticString = "output"
) throws(DenpaError) {
  for index in 0..<written.count {
    for other in 0..<read.count where written[index].overlaps(read[other]) {
      throw DenpaError(
        .badArgument, "the memory of \(writing) \(index) overlaps that of \(reading) \(other)")
    }
    for other in 0..<index where written[index].overlaps(written[other]) {
      throw DenpaError(
        .badArgument, "the memory of \(writing) \(index) overlaps that of \(writing) \(other)")
    }
  }
}

extension TensorView {
  fileprivate func overlaps(_ other: TensorView) -> Bool {
    guard data != nil, other.data != nil else { return false }
    let start = UInt(bitPattern: data), otherStart = UInt(bitPattern: other.data)
    let bytes = UInt(type.byteCount), otherBytes = UInt(other.type.byteCount)
    return bytes > 0 && otherBytes > 0 && start < otherStart &+ otherBytes && otherStart < start &+ bytes
  }
}
