import DenpaCore
import DenpaKernelTypes

/// The loops over tensors that are walked through together: as few axes as possible, at least one. Axes of
/// one index do not count, and axes that follow each other in every tensor are one.
struct Loops {
  private(set) var extents: [Int] = []
  /// For each axis the elements from one index to the next, of each tensor.
  private(set) var strides: [[Int]] = []

  /// `strides`: those of each tensor, axis by axis.
  init(_ extents: [Int], _ strides: [[Int]]) {
    for axis in extents.indices where extents[axis] != 1 {
      let own = strides.map { $0[axis] }
      if let last = self.strides.last, last.indices.allSatisfy({ last[$0] == extents[axis] * own[$0] }) {
        self.extents[self.extents.count - 1] *= extents[axis]
        self.strides[self.strides.count - 1] = own
      } else {
        self.extents.append(extents[axis])
        self.strides.append(own)
      }
    }
    if self.extents.isEmpty {
      self.extents = [1]
      self.strides = [strides.map { _ in 1 }]
    }
  }
}

extension Lowering {
  /// The loops of two tensors as arguments of a kernel.
  mutating func reserve(pairs loops: Loops) throws(DenpaError) -> (UnsafePointer<PairAxis>, count: Int) {
    let axes = try reserve(PairAxis(), count: loops.extents.count)
    for axis in loops.extents.indices {
      axes[axis] = PairAxis(
        extent: loops.extents[axis], a: loops.strides[axis][0], b: loops.strides[axis][1])
    }
    return (UnsafePointer(axes), loops.extents.count)
  }

  /// The loops of one tensor as arguments of a kernel.
  mutating func reserve(single loops: Loops) throws(DenpaError) -> (UnsafePointer<SingleAxis>, count: Int) {
    let axes = try reserve(SingleAxis(), count: loops.extents.count)
    for axis in loops.extents.indices {
      axes[axis] = SingleAxis(extent: loops.extents[axis], stride: loops.strides[axis][0])
    }
    return (UnsafePointer(axes), loops.extents.count)
  }
}
