import DenpaCore

/// How a tensor of a plan looks at the memory of another one, which is no view itself. A view costs nothing:
/// it is an offset and strides. Neither depends on the number of rows, because the batch is the outermost
/// axis.
public struct View: Sendable, Equatable {
  /// In elements.
  var offset = 0
  /// In elements, for each axis of the view; nil: its elements follow each other in row-major order.
  var strides: [Int]?
  /// Whether there are elements beside it in its memory.
  var isPart = false
}

/// Where the elements of a tensor are in its memory, for a known number of rows.
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
}

extension [PlanTensor] {
  /// The tensor whose memory `id` is: itself, or what it is a view of.
  func storage(_ id: TensorID) -> TensorID {
    if case .view(let base, _) = self[id].role { base } else { id }
  }

  private func view(_ id: TensorID) -> View {
    if case .view(_, let view) = self[id].role { view } else { View() }
  }

  func layout(_ id: TensorID, rows: Int) -> Layout {
    var layout = Layout(self[id].type.shape.withRows(rows))
    let view = view(id)
    layout.offset = view.offset
    if let strides = view.strides { layout.strides = strides }
    return layout
  }

  /// Whether the elements follow each other in row-major order, whatever the number of rows.
  func isContiguous(_ id: TensorID) -> Bool { view(id).strides == nil }

  /// Whether a view is a part of its memory only.
  func isPart(_ id: TensorID) -> Bool { view(id).isPart }

  /// The role of a tensor of that shape that has the elements of `id` in their order. Both shapes are equal
  /// if `id` has gaps.
  func alias(of id: TensorID) -> TensorRole { .view(storage(id), view(id)) }

  /// The role of the `shape` that begins at index `from` of an axis of `id`.
  func slice(of id: TensorID, axis: Int, from: Int, as shape: Shape) -> TensorRole {
    var view = view(id)
    let strides = layout(id, rows: 2).strides
    view.offset += from * strides[axis]
    view.isPart = view.isPart || shape != self[id].type.shape
    return .view(storage(id), normalized(view, strides, shape))
  }

  /// The role of a tensor of that shape whose axis i is axis `axes[i]` of `id`.
  func permutation(of id: TensorID, _ axes: [Int], as shape: Shape) -> TensorRole {
    let strides = layout(id, rows: 2).strides
    return .view(storage(id), normalized(view(id), axes.map { strides[$0] }, shape))
  }

  /// With two rows every axis counts.
  private func normalized(_ view: View, _ strides: [Int], _ shape: Shape) -> View {
    var layout = Layout(shape.withRows(2)), result = view
    layout.strides = strides
    result.strides = layout.isContiguous ? nil : strides
    return result
  }

  /// The axis along which a part is a slice of its memory, and its indices there; nil if it is no such slice.
  func span(of part: TensorID) -> (axis: Int, indices: Range<Int>)? {
    let base = layout(storage(part), rows: 2), layout = layout(part, rows: 2)
    guard layout.extents.count == base.extents.count, layout.strides == base.strides else { return nil }
    let differing = base.extents.indices.filter { base.extents[$0] != layout.extents[$0] }
    guard differing.count == 1, let axis = differing.first, base.strides[axis] > 0,
      layout.offset % base.strides[axis] == 0
    else { return nil }
    let from = layout.offset / base.strides[axis]
    return (axis, from..<from + layout.extents[axis])
  }
}
