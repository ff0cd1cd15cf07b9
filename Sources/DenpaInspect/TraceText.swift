import DenpaCore
import DenpaGraph

/// A trace as text: one block for each value and each gradient, in the order of computation.
extension Trace {
  public func text() throws(DenpaError) -> Text {
    var text = Text()
    for item in items { block(item, &text) }
    try checkMemory("a trace's text")
    return text
  }

  private func block(_ item: Item, _ text: inout Text) {
    text.add(item.label)
    text += " "
    text.add(item.value.type.shape)
    text += "\n"
    text.add(item.value)
    guard let gradient = item.gradient else { return }
    text += "dE/d"
    text.add(item.label)
    text += " "
    text.add(gradient.type.shape)
    text += "\n"
    text.add(gradient)
  }
}

extension Text {
  /// Elements above which only the first and the last of each axis are written.
  private static let most = 200

  /// Appends the numbers of a tensor in brackets, a row on a line, indented.
  mutating func add(_ view: TensorView) {
    let shape = view.type.shape
    guard shape.count > 0 else {
      self += "  []\n"
      return
    }
    // All numbers of a tensor have one width.
    var width = 0
    // How many at either end of an axis: fewer the more axes there are.
    let edge = shape.count > Text.most ? max(1, 4 - max(shape.rank - 1, 1)) : Int.max
    visit(view, 0, 0, edge) { number in
      var one = Text()
      one.add(number, digits: view.digits)
      width = max(width, one.bytes.count)
    }
    self += "  "
    write(view, 0, 0, edge, width)
    self += "\n"
  }

  private func indices(_ extent: Int, _ edge: Int) -> (first: Int, last: Int) {
    edge < extent / 2 && extent > 2 * edge + 1 ? (edge, extent - edge) : (extent, extent)
  }

  private func visit(
    _ view: TensorView, _ axis: Int, _ place: Int, _ edge: Int, _ body: (Double) -> Void
  ) {
    guard axis < view.type.shape.rank else { return body(view.number(place)) }
    let extent = view.type.shape[axis], (first, last) = indices(extent, edge)
    for index in 0..<extent where index < first || index >= last {
      visit(view, axis + 1, place * extent + index, edge, body)
    }
  }

  private mutating func write(_ view: TensorView, _ axis: Int, _ place: Int, _ edge: Int, _ width: Int) {
    let rank = view.type.shape.rank
    guard axis < rank else {
      var one = Text()
      one.add(view.number(place), digits: view.digits)
      if rank > 0 { add(spaces: width - one.bytes.count) }
      return add(one)
    }
    let extent = view.type.shape[axis], (first, last) = indices(extent, edge)
    self += "["
    var index = 0
    while index < extent {
      if index > 0 { separate(axis, rank) }
      if index == first, last < extent {
        self += "…"
        separate(axis, rank)
        index = last
      }
      write(view, axis + 1, place * extent + index, edge, width)
      index += 1
    }
    self += "]"
  }

  private mutating func separate(_ axis: Int, _ rank: Int) {
    guard axis < rank - 1 else {
      self += ", "
      return
    }
    self += ",\n"
    add(spaces: 3 + axis)
  }
}
