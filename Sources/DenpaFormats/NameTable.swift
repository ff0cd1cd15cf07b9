/// Finds tensors by name, using 8 to 16 bytes of memory for each: a dictionary takes three times as much, and
/// a file may have a hundred thousand tensors. Names that are equal in Swift (canonical equivalence) are one
/// name here too.
struct NameTable {
  /// Open addressing, at most half full: a tensor's index + 1, or 0.
  private var slots: [UInt32]
  /// The first tensor with the name of an earlier one.
  private(set) var duplicate: Int?

  /// At most 2³¹ tensors.
  init(_ tensors: [TensorEntry]) {
    var capacity = 2
    while capacity < 2 * tensors.count { capacity *= 2 }
    slots = Array(repeating: 0, count: capacity)
    for (index, tensor) in tensors.enumerated() {
      let slot = slot(of: tensor.name, in: tensors)
      guard slots[slot] == 0 else {
        duplicate = index
        return
      }
      slots[slot] = UInt32(index + 1)
    }
  }

  /// Returns a tensor's index. `tensors` must be those passed to `init`.
  func index(of name: String, in tensors: [TensorEntry]) -> Int? {
    let entry = Int(slots[slot(of: name, in: tensors)])
    return entry > 0 ? entry - 1 : nil
  }

  /// Returns the slot that holds the name, or the empty one that would.
  private func slot(of name: String, in tensors: [TensorEntry]) -> Int {
    // Swift's hashes differ between processes, so nobody can prepare names that collide.
    var slot = name.hashValue & (slots.count - 1)
    while slots[slot] != 0, tensors[Int(slots[slot]) - 1].name != name {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }
}
