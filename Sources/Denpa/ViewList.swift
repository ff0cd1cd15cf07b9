import CDenpa
import DenpaCore
import DenpaGraph
import DenpaPlugins

/// Reads a caller's tensor. The common kinds take a fast path. With `strided` it need not be contiguous.
func view(
  _ tensor: UnsafePointer<denpa_tensor>, _ what: StaticString, _ index: Int, strided: Bool = false
) throws(DenpaError) -> TensorView {
  let t = tensor.pointee
  if let dtype = DType(rawValue: t.dtype), t.rank >= 1, t.rank <= 2, t.stride.0 == 0, t.stride.1 == 0,
    t.dim.0 >= 0, t.dim.0 < 1 << 31, t.rank == 1 || (t.dim.1 >= 0 && t.dim.1 < 1 << 15)
  {
    var shape = Shape()
    shape.append(Int(t.dim.0))
    if t.rank == 2 { shape.append(Int(t.dim.1)) }
    return TensorView(t.data, TensorType(dtype, shape))
  }
  let type = try TensorReader.type(tensor.pointee, strided: strided, "\(what) \(index)")
  return TensorView(
    tensor.pointee.data, type,
    strides: strided ? try TensorReader.strides(tensor, type.shape, "\(what) \(index)") : nil)
}

/// Memory for the tensors of a call, allocated once. A tensor that is described as in the call before is not
/// read again, since reading it would be a large part of the step of a small network.
final class ViewList {
  static let capacity = 64
  private let views: UnsafeMutableBufferPointer<TensorView>
  /// The descriptions from which `views` was read.
  private let tensors: UnsafeMutablePointer<denpa_tensor>
  /// The number of descriptions that are known.
  private var known = 0
  private var version: UInt64 = 1

  init() {
    views = .allocate(capacity: ViewList.capacity)
    views.initialize(repeating: TensorView(nil, TensorType(.float32, [])))
    tensors = .allocate(capacity: ViewList.capacity)
    tensors.initialize(repeating: denpa_tensor(), count: ViewList.capacity)
  }

  deinit {
    views.deallocate()
    tensors.deallocate()
  }

  /// Checks and returns the caller's tensors, `expected` in number. `what` names them in errors. With `gaps`
  /// those whose data is NULL are not checked, with `strided` they need not be contiguous.
  func read(
    _ given: UnsafePointer<denpa_tensor>?, _ count: Int32, _ what: StaticString, expected: Int,
    gaps: Bool = false, strided: Bool = false
  ) throws(DenpaError) -> TensorList {
    if let given, Int(count) == expected, expected == known, !strided {
      var isKnown = true
      for index in 0..<expected where isKnown {
        isKnown = isLike(given + index, tensors + index) && (!gaps || given[index].data != nil)
        views[index].data = given[index].data
      }
      if isKnown { return list(expected) }
    }
    try readAnew(given, count, what, expected: expected, gaps: gaps, strided: strided)
    return list(expected)
  }

  @inline(__always)
  private func list(_ count: Int) -> TensorList {
    TensorList(UnsafeBufferPointer(start: views.baseAddress, count: count), version: version)
  }

  @inline(never)
  private func readAnew(
    _ given: UnsafePointer<denpa_tensor>?, _ count: Int32, _ what: StaticString, expected: Int, gaps: Bool,
    strided: Bool
  ) throws(DenpaError) {
    known = 0
    version += 1
    // Checked before reading the array, which need not have more than the model's number.
    guard Int(count) == expected, expected <= ViewList.capacity else {
      throw DenpaError(.badArgument, "expected \(expected) \(what)(s), got \(count)")
    }
    guard count > 0 else { return }
    guard let given else { throw DenpaError(.badArgument, "the array of \(what)s is NULL") }
    var hasGaps = false
    for index in 0..<expected {
      let isGap = gaps && given[index].data == nil
      hasGaps = hasGaps || isGap
      views[index] =
        isGap
        ? TensorView(nil, TensorType(.float32, [])) : try view(given + index, what, index, strided: strided)
    }
    guard !strided, !hasGaps else { return }
    tensors.update(from: given, count: expected)
    known = expected
  }

  /// Whether two tensors are described alike; their data may differ.
  @inline(__always)
  private func isLike(_ given: UnsafePointer<denpa_tensor>, _ known: UnsafePointer<denpa_tensor>) -> Bool {
    guard given.pointee.dtype == known.pointee.dtype, given.pointee.rank == known.pointee.rank else {
      return false
    }
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
}
