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

  /// Whether an element of the memory may be more than one element of the layout.
  var overlaps: Bool {
    let axes = extents.indices.filter { extents[$0] > 1 }.sorted { strides[$0] < strides[$1] }
    var reach = 1
    for axis in axes {
      guard strides[axis] >= reach else { return true }
      reach = strides[axis] * (extents[axis] - 1) + reach
    }
    return false
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

  /// The role of the tensor of that shape whose axis `axes[i]` is axis i of `id`; it is repeated along the
  /// other axes, and where it has one index.
  func repetition(of id: TensorID, _ axes: [Int], as shape: Shape) -> TensorRole {
    let given = layout(id, rows: 2), wanted = shape.withRows(2)
    var strides = [Int](repeating: 0, count: shape.rank)
    for (axis, target) in axes.enumerated() where given.extents[axis] == wanted[target] {
      strides[target] = given.strides[axis]
    }
    return .view(storage(id), normalized(view(id), strides, shape))
  }

  /// The role of the windows over axes 1 and 2 of an image `id` (rows, height, width, channels): the shape is
  /// (rows, windows down, windows across, height, width and channels of a window). Windows may overlap.
  func windows(of id: TensorID, step: (Int, Int), dilation: (Int, Int), as shape: Shape) -> TensorRole {
    let s = layout(id, rows: 2).strides
    var view = view(id)
    view.isPart = view.isPart || shape.count != self[id].type.shape.count
    let strides = [s[0], s[1] * step.0, s[2] * step.1, s[1] * dilation.0, s[2] * dilation.1, s[3]]
    return .view(storage(id), normalized(view, strides, shape))
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
