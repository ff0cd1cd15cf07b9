import DenpaCore
import DenpaKernelTypes

/// The results of a run: values, losses, and whether they are finite.
extension Executor {
  /// Returns the address of a tensor's values after a run; nil for a parameter, for a tensor without memory,
  /// and for a view with gaps.
  public func values(of tensor: TensorID) -> UnsafeMutableRawPointer? {
    let base = plan.tensors.storage(tensor)
    guard base != tensor else { return memory(of: base) }
    let layout = plan.tensors.layout(tensor, rows: max(current.pointee.rows, 0))
    guard layout.isContiguous else { return nil }
    return memory(of: base).map { $0 + layout.offset * plan.tensors[tensor].type.dtype.size }
  }

  func memory(of base: TensorID) -> UnsafeMutableRawPointer? {
    switch plan.tensors[base].role {
    case .temporary:
      let rows = max(current.pointee.rows, 0)
      return plan.offsets[base] >= 0 ? arena.base + plan.offset(base, rows: rows) : nil
    case .slot(let slot): return slots[slot]
    case .parameterGradient(let number): return gradients.map { $0.base + parameterLayout.offsets[number] }
    case .constant: return constants.base + constantOffsets[base]
    case .parameter, .view: return nil
    }
  }

  /// The weighted sum of the loss terms of the last run.
  public var loss: Double {
    var sum = 0.0
    for term in 0..<lossCells.count { sum += loss(ofTerm: term) }
    return sum
  }

  /// The number of loss terms, and of the penalties of layers behind them.
  public var lossCount: Int { lossCells.count }

  /// Returns the weighted value of one loss term of the last run.
  public func loss(ofTerm index: Int) -> Double {
    let cell = lossCells[index]
    return cell.weight
      * (isDouble ? cell.value.load(as: Double.self) : Double(cell.value.load(as: Float.self)))
  }

  /// Zeroes the gradients of trained parameters that this plan does not write, after a run that did not
  /// accumulate.
  public func clearUnreachedGradients() {
    guard let gradients else { return }
    for number in plan.unreachedParameters {
      (gradients.base + parameterLayout.offsets[number]).initializeMemory(
        as: UInt8.self, repeating: 0, count: parameterLayout.extents[number])
    }
  }

  /// Returns the first parameter whose gradient was not finite since the flags were last cleared, and clears
  /// them.
  public func takeFlagged() -> Int? {
    var found: Int32 = 0
    for index in 0..<flagCount { found |= flags[index] }
    guard found != 0 else { return nil }
    let first = (0..<flagCount).first { flags[$0] != 0 }
    flags.update(repeating: 0, count: flagCount)
    return first
  }

  /// Returns whether all elements of a float tensor are finite after a run or a part of one. A tensor without
  /// accessible memory counts as finite.
  public func isFinite(_ tensor: TensorID) -> Bool {
    guard let data = memory(of: plan.tensors.storage(tensor)) else { return true }
    let layout = plan.tensors.layout(tensor, rows: max(current.pointee.rows, 0))
    let isDouble = plan.tensors[tensor].type.dtype == .float64
    func check(_ axis: Int, _ place: Int) -> Bool {
      guard axis < layout.extents.count else {
        return isDouble
          ? data.loadUnaligned(fromByteOffset: place * 8, as: Double.self).isFinite
          : data.loadUnaligned(fromByteOffset: place * 4, as: Float.self).isFinite
      }
      for index in 0..<layout.extents[axis] where !check(axis + 1, place + index * layout.strides[axis]) {
        return false
      }
      return true
    }
    return check(0, layout.offset)
  }
}
