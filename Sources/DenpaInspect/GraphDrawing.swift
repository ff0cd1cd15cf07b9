import DenpaCore
import DenpaGraph

/// The computational graph: a box for each layer, an arrow for each value, from left to right.
struct GraphDrawing {
  final class Box {
    var lines: [Text] = []
    var style: StaticString = "dp-box"
    /// The end of a value that nothing reads: only an arrow.
    let isEnd: Bool
    /// The values that leave it.
    let ports: Int

    init(isEnd: Bool = false, ports: Int = 1) {
      self.isEnd = isEnd
      self.ports = ports
    }

    func add(_ text: Text) { lines.append(text) }

    func add(_ label: String, _ shape: Shape?) {
      var line = Text(label)
      if let shape {
        if !label.isEmpty { line += " " }
        line.add(shape)
      }
      lines.append(line)
    }
  }
  final class Arrow {
    let from: Int
    let to: Int
    /// How far above or below the middle of its box it begins, where a layer has several outputs.
    let offset: Int
    /// Only one arrow of each value has its label.
    var above = Text()
    var below = Text()

    init(_ graph: Graph, _ id: ValueID, _ to: Int) {
      from = graph.values[id].node
      self.to = to
      let outputs = graph.nodes[from].outputs
      offset = GraphDrawing.portHeight * (2 * (outputs.firstIndex(of: id) ?? 0) + 1 - outputs.count) / 2
    }
  }

  private(set) var boxes: [Box] = []
  private(set) var arrows: [Arrow] = []
  private let title: Text

  /// The room for the two lines of a value's label.
  static let portHeight = 36
  /// More boxes than anybody can look at.
  private static let most = 2000
  /// Elements up to which a tensor's values are written at its arrow.
  private static let mostValues = 4

  init(_ drawn: Drawn) throws(DenpaError) {
    let graph = drawn.graph
    guard graph.nodes.count <= GraphDrawing.most else {
      throw DenpaError(
        .limitExceeded, "a drawing has at most \(GraphDrawing.most) nodes; the graph has \(graph.nodes.count)"
      )
    }
    var title = Text("computational graph: ")
    for (index, id) in drawn.model.outputs.enumerated() {
      if index > 0 { title += ", " }
      title.add(drawn.label(value: id))
    }
    self.title = title
    for index in graph.nodes.indices { boxes.append(GraphDrawing.box(drawn, index)) }
    var isRead = Array(repeating: false, count: graph.values.count)
    for index in graph.nodes.indices {
      for id in graph.nodes[index].inputs {
        let arrow = Arrow(graph, id, index)
        if !isRead[id] { GraphDrawing.label(drawn, id, arrow) }
        isRead[id] = true
        arrows.append(arrow)
      }
    }
    for id in graph.values.indices where !isRead[id] {
      let arrow = Arrow(graph, id, boxes.count)
      GraphDrawing.label(drawn, id, arrow)
      boxes.append(Box(isEnd: true))
      arrows.append(arrow)
    }
    try checkMemory("a drawing")
  }

  private static func box(_ drawn: Drawn, _ index: Int) -> Box {
    let graph = drawn.graph, box = Box(ports: graph.nodes[index].outputs.count)
    let isInput = graph.nodes[index].layer == nil
    if isInput, let value = graph.nodes[index].outputs.first {
      box.style = "dp-data"
      box.add(drawn.label(value: value), nil)
      box.add("", graph.values[value].type.shape)
      return box
    }
    box.add(graph.nodes[index].name, nil)
    if index >= drawn.model.graph.nodes.count { box.style = "dp-loss" }
    box.add(drawn.kind(index))
    if let owner = graph.nodes[index].shares {
      box.add("shares " + graph.nodes[owner].name, nil)
      return box
    }
    guard index < drawn.model.parameterNumbers.count else { return box }
    for (offset, number) in drawn.model.parameterNumbers[index].enumerated() where offset < 4 {
      let parameter = graph.nodes[index].parameters[offset]
      box.add(drawn.label(parameter: number, of: index, parameter.name), parameter.shape)
    }
    return box
  }

  private static func label(_ drawn: Drawn, _ id: ValueID, _ arrow: Arrow) {
    arrow.above.add(drawn.label(value: id))
    guard let item = drawn.item(value: id) else {
      arrow.above += " "
      arrow.above.add(drawn.graph.values[id].type.shape)
      return
    }
    write(item.value, &arrow.above, afterLabel: true)
    if let gradient = item.gradient { write(gradient, &arrow.below, afterLabel: false) }
    if item.kind == .loss { arrow.below += "1" }
  }

  private static func write(_ view: TensorView, _ text: inout Text, afterLabel: Bool) {
    let count = view.type.shape.count
    guard count > 0, count <= mostValues else {
      text += afterLabel ? " " : "∂E/∂ "
      return text.add(view.type.shape)
    }
    if afterLabel { text += " = " }
    if count > 1 { text += "[" }
    for index in 0..<count {
      if index > 0 { text += ", " }
      text.add(view.number(index), digits: 4)
    }
    if count > 1 { text += "]" }
  }

  // MARK: Formats

  func dot() -> Text {
    var text = Text()
    text += "digraph {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
    text += "  edge [fontname=\"monospace\", fontsize=10];\n  label="
    text.add(quoted: title)
    text += ";\n"
    for (index, box) in boxes.enumerated() {
      text += "  n"
      text.add(index)
      if box.isEnd {
        text += " [shape=point, style=invis];\n"
        continue
      }
      text += " [label="
      text.add(quoted: joined(box.lines))
      text += "];\n"
    }
    for arrow in arrows {
      text += "  n"
      text.add(arrow.from)
      text += " -> n"
      text.add(arrow.to)
      if !arrow.above.bytes.isEmpty {
        text += " [label="
        text.add(quoted: joined(arrow.below.bytes.isEmpty ? [arrow.above] : [arrow.above, arrow.below]))
        text += "]"
      }
      text += ";\n"
    }
    text += "}\n"
    return text
  }

  private func joined(_ lines: [Text]) -> Text {
    var result = Text()
    for (index, line) in lines.enumerated() {
      if index > 0 { result += "\n" }
      result.add(line)
    }
    return result
  }

  func svg() -> Text {
    var svg = SVG()
    let layout = GraphLayout(self)
    // All lines come before all labels, which are not to be crossed out.
    for route in layout.routes { svg.curve(route, "dp-edge") }
    for (index, arrow) in arrows.enumerated() {
      // The first part of the arrow is straight.
      let start = layout.routes[index][0]
      svg.text(start.x + 8, start.y - 5, arrow.above, "dp-value dp-halo", .start)
      svg.text(start.x + 8, start.y + 14, arrow.below, "dp-gradient dp-halo", .start)
    }
    for (index, box) in boxes.enumerated() where !box.isEnd {
      let place = layout.places[index]
      let width = GraphLayout.width(box), height = GraphLayout.height(box)
      svg.rectangle(place.x, place.y - height / 2, width, height, box.style)
      for (number, line) in box.lines.enumerated() {
        svg.text(
          place.x + width / 2, place.y - height / 2 + 19 + 16 * number, line,
          number == 0 ? "dp-text dp-strong" : "dp-small")
      }
    }
    return svg.document(layout.width, layout.height, title)
  }
}
