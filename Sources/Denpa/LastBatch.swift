import CDenpa
import DenpaCore
import DenpaTraining

/// The descriptions of the tensors of the last `denpa_train_batch`. If a call repeats them, only its pointers
/// are checked: the other checks would take as long as the step of a small network.
final class LastBatch {
  /// Calls with more tensors are checked each time.
  private static let capacity = 8
  private let tensors: UnsafeMutablePointer<denpa_tensor>
  private var count = 0

  init() {
    tensors = .allocate(capacity: LastBatch.capacity)
    tensors.initialize(repeating: denpa_tensor(), count: LastBatch.capacity)
  }

  deinit { tensors.deallocate() }

  /// Returns whether this call is like the last one, and if so binds its data.
  @inline(__always)
  func rebind(
    _ trainer: Trainer, _ inputs: UnsafePointer<denpa_tensor>?, _ inputCount: Int32,
    _ targets: UnsafePointer<denpa_tensor>?, _ targetCount: Int32
  ) -> Bool {
    guard let inputs, let targets, count > 0, Int(inputCount) == trainer.inputCount,
      Int(targetCount) == count - trainer.inputCount, let slots = trainer.repeatableSlots
    else { return false }
    let first = Int(inputCount)
    for index in 0..<count {
      let given = index < first ? inputs + index : targets + (index - first)
      guard isLike(given, tensors + index) else { return false }
    }
    for index in 0..<count { slots[index] = index < first ? inputs[index].data : targets[index - first].data }
    return true
  }

  @inline(__always)
  private func isLike(_ given: UnsafePointer<denpa_tensor>, _ known: UnsafePointer<denpa_tensor>) -> Bool {
    guard given.pointee.dtype == known.pointee.dtype, given.pointee.rank == known.pointee.rank,
      let data = given.pointee.data, let dtype = DType(rawValue: given.pointee.dtype),
      UInt(bitPattern: data) & UInt(dtype.size - 1) == 0
    else { return false }
    // Extents and strides are the last two members in the header, DENPA_MAX_RANK words each.
    let maximum = Int(DENPA_MAX_RANK)
    let extents = MemoryLayout<denpa_tensor>.size / 8 - 2 * maximum
    let a = UnsafeRawPointer(given).assumingMemoryBound(to: Int64.self) + extents
    let b = UnsafeRawPointer(known).assumingMemoryBound(to: Int64.self) + extents
    for axis in 0..<Int(known.pointee.rank) where a[axis] != b[axis] || a[maximum + axis] != b[maximum + axis]
    {
      return false
    }
    return true
  }

  func forget() { count = 0 }

  /// Call it after all checks have passed.
  func remember(
    _ inputs: UnsafePointer<denpa_tensor>?, _ inputCount: Int32, _ targets: UnsafePointer<denpa_tensor>?,
    _ targetCount: Int32
  ) {
    guard let inputs, let targets, Int(inputCount) + Int(targetCount) <= LastBatch.capacity else { return }
    tensors.update(from: inputs, count: Int(inputCount))
    (tensors + Int(inputCount)).update(from: targets, count: Int(targetCount))
    count = Int(inputCount) + Int(targetCount)
  }
}
