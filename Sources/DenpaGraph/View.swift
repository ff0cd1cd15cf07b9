import DenpaCore

/// How a tensor of a plan looks at the elements of another one. A view costs nothing: it is an offset and
/// strides.
public enum View: Sendable, Equatable {
  /// All elements in their order, under the view's own shape.
  case reshaped
  /// Along one axis the elements from `from` on, as many as the view's extent says.
  case sliced(axis: Int, from: Int)
  /// The view's axis i is axis `axes[i]` of the other tensor.
  case permuted(axes: [Int])
}

/// Where the elements of a tensor are in the memory that it is a view of, for a known number of rows.
struct Layout: Equatable {
  /// In elements.
  var offset = 0
  var extents: [Int]
  /// In elements.
  var strides: [Int]

  /// The layout in row-major order, without gaps.
  init(_ shape: Shape) { self.init(shape.array) }

  init(_ extents: [Int]) {
    self.extents = extents
    strides = Array(repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * extents[axis + 1]
    }
  }

  /// The layout without its axes of one index.
  var squeezed: Layout {
    var result = self
    let kept = extents.indices.filter { extents[$0] != 1 }
    result.extents = kept.map { extents[$0] }
    result.strides = kept.map { strides[$0] }
    return result
  }

  /// Whether the elements follow each other in row-major order.
  var isContiguous: Bool {
    var expected = 1
    for axis in extents.indices.reversed() where extents[axis] != 1 {
      guard strides[axis] == expected else { return false }
      expected *= extents[axis]
    }
    return true
  }

  /// The layout of a view of this one; `shape` is the view's.
  func viewed(_ view: View, as shape: Shape) -> Layout {
    var result = self
    switch view {
    case .reshaped:
      // A layout with gaps keeps its shape: the passes see to that.
      guard shape.array != extents else { break }
      result = Layout(shape)
      result.offset = offset
    case .sliced(let axis, let from):
      result.offset += from * strides[axis]
      result.extents[axis] = shape[axis]
    case .permuted(let axes):
      result.extents = axes.map { extents[$0] }
      result.strides = axes.map { strides[$0] }
    }
    return result
  }
}

extension [PlanTensor] {
  /// The tensor whose memory `id` is: itself, or what it is a view of.
  func storage(_ id: TensorID) -> TensorID {
    var base = id
    while case .view(let next, _) = self[base].role { base = next }
    return base
  }

  func layout(_ id: TensorID, rows: Int) -> Layout {
    let shape = self[id].type.shape.withRows(rows)
    guard case .view(let base, let view) = self[id].role else { return Layout(shape) }
    return layout(base, rows: rows).viewed(view, as: shape)
  }

  /// Whether the elements follow each other in row-major order, whatever the number of rows.
  func isContiguous(_ id: TensorID) -> Bool {
    guard case .view = self[id].role else { return true }
    // With two rows every axis counts, and strides do not depend on the number of rows.
    return layout(id, rows: 2).isContiguous
  }

  /// Whether a view is a part of its memory only.
  func isPart(_ id: TensorID) -> Bool {
    var id = id
    while case .view(let next, let view) = self[id].role {
      if case .sliced = view { return true }
      id = next
    }
    return false
  }
}
