import DenpaCore
import DenpaGraph

/// A chain of dense layers as columns of units and weighted connections between them.
final class NetworkDrawing {
  /// One column of units: the input, or what comes out of a layer.
  final class Column {
    /// How many units there are, and the numbers of those that are drawn.
    let count: Int
    var shown: [Int] = []
    var title = Text()
    var kinds: [Text] = []
    /// Names of the units, as many as were given.
    var names: [String] = []
    /// The values of the units in the chosen row, and their gradients.
    var values: TensorView?
    var gradients: TensorView?
    /// The dense node that computes it, and the numbers of its parameters.
    var node: Int?
    var weights: Int?
    var bias: Int?

    init(_ count: Int) { self.count = count }
  }

  let drawn: Drawn
  let row: Int
  private(set) var columns: [Column] = []
  private(set) var factors: Factors?
  let title: Text
  /// The parameters that sessions see, without a trace.
  private let copy: Buffer?

  /// Units of a column up to which all are drawn, and how many are at its top and bottom otherwise.
  private static let most = 12
  private static let top = 5
  private static let bottom = 4

  init(_ drawn: Drawn, _ drawing: Drawing) throws(DenpaError) {
    self.drawn = drawn
    row = drawing.row
    if let trace = drawn.trace {
      guard (0..<max(trace.observation.rows, 1)).contains(row) else {
        throw DenpaError(
          .badArgument, "the trace has \(trace.observation.rows) rows, counted from 0; got row \(row)")
      }
    }
    copy = drawn.trace == nil ? try drawn.model.snapshot() : nil
    var title = Text("network")
    columns = try NetworkDrawing.columns(drawn)
    for (index, column) in columns.enumerated() {
      title += index == 0 ? " " : "-"
      title.add(column.count)
    }
    self.title = title
    columns[0].names = try NetworkDrawing.names(drawing.inputNames, columns[0].count, "input")
    columns[columns.count - 1].names = try NetworkDrawing.names(
      drawing.outputNames, columns[columns.count - 1].count, "output")
    if let parameter = drawing.parameter {
      guard let trace = drawn.trace else {
        throw DenpaError(.badArgument, "factors are highlighted in the drawing of a trace, not of a model")
      }
      factors = try trace.factors(parameter, drawing.index, row: row)
    }
    for index in columns.indices { choose(index) }
    try checkMemory("a drawing")
  }

  private static func names(
    _ given: [String], _ count: Int, _ what: StaticString
  ) throws(DenpaError) -> [String] {
    guard given.count <= count else {
      throw DenpaError(.badArgument, "\(given.count) names for the \(count) units of the \(what)")
    }
    return given
  }

  /// Which units are drawn: all, or the first and the last, and those of the factors.
  private func choose(_ index: Int) {
    let count = columns[index].count
    guard count > NetworkDrawing.most else {
      columns[index].shown = Array(0..<count)
      return
    }
    // At most one unit of a column is in the factors.
    var chosen: Int?
    if let factors, columns[index].node == factors.node {
      chosen = factors.unit
    } else if let factors, index + 1 < columns.count, columns[index + 1].node == factors.node {
      chosen = factors.inputIndex
    }
    var shown: [Int] = []
    for unit in 0..<NetworkDrawing.top { shown.append(unit) }
    if let chosen, chosen >= NetworkDrawing.top, chosen < count - NetworkDrawing.bottom {
      shown.append(chosen)
    }
    for unit in count - NetworkDrawing.bottom..<count { shown.append(unit) }
    columns[index].shown = shown
  }

  /// Follows the chain from the output to the input.
  private static func columns(_ drawn: Drawn) throws(DenpaError) -> [Column] {
    let model = drawn.model, graph = model.graph
    func refused(_ reason: Message) -> DenpaError {
      DenpaError(
        .notSupported,
        "only a chain of dense layers is drawn as units and connections: \(reason); DENPA_DRAW_GRAPH draws any model"
      )
    }
    guard model.outputs.count == 1, graph.inputs.count == 1 else {
      throw refused("the model has \(graph.inputs.count) inputs and \(model.outputs.count) outputs")
    }
    var result: [Column] = []
    var id = model.outputs[0]
    // The value that is shown in a column: the last one before the next dense layer.
    var shownValue = id
    var kinds: [Text] = []
    while graph.nodes[graph.values[id].node].layer != nil {
      let number = graph.values[id].node, node = graph.nodes[number]
      guard node.inputs.count == 1, node.outputs.count == 1 else {
        throw refused("\(node.kind) \"\(node.name)\" has several inputs or outputs")
      }
      let input = graph.values[node.inputs[0]].type.shape, output = graph.values[id].type.shape
      if node.kind == "dense" {
        guard input.rank == 2 else {
          throw refused("dense \"\(node.name)\" reads \(input), not rows of numbers")
        }
        let column = Column(output[1])
        column.node = number
        let parameters = model.parameterNumbers[number]
        column.weights = parameters.first
        column.bias = parameters.count > 1 ? parameters[1] : nil
        kinds.append(drawn.kind(number))
        fill(column, drawn, shownValue, kinds.reversed())
        result.append(column)
        kinds = []
        shownValue = node.inputs[0]
      } else {
        guard node.parameters.isEmpty, input.openCount == 0, input.count == output.count else {
          throw refused("\(node.kind) \"\(node.name)\" is in it")
        }
        kinds.append(drawn.kind(number))
      }
      id = node.inputs[0]
    }
    guard !result.isEmpty else { throw refused("there is none") }
    let shape = graph.values[shownValue].type.shape
    let first = Column(shape.rank == 2 ? shape[1] : 0)
    fill(first, drawn, shownValue, kinds.reversed())
    result.append(first)
    return result.reversed()
  }

  private static func fill(_ column: Column, _ drawn: Drawn, _ id: ValueID, _ kinds: [Text]) {
    column.title = Text(drawn.label(value: id))
    column.kinds = kinds
    let item = drawn.item(value: id)
    column.values = item?.value
    column.gradients = item?.gradient
  }

  // MARK: Numbers

  /// One number of the chosen row; nil without a trace or without rows.
  func number(_ view: TensorView?, _ unit: Int, _ count: Int) -> Double? {
    guard let view, view.data != nil else { return nil }
    let index = (view.type.shape.rank > 1 ? row * count : 0) + unit
    return index < view.type.shape.count ? view.number(index) : nil
  }

  func parameter(_ number: Int) -> TensorView {
    if let trace = drawn.trace { return trace.observation.parameter(number) }
    return TensorView(
      copy.map { $0.base + drawn.model.layout.offsets[number] }, drawn.model.parameters[number].type)
  }

  func dot() -> Text {
    var text = Text()
    text +=
      "digraph {\n  rankdir=LR;\n  splines=line;\n  node [shape=circle, fontname=\"sans-serif\"];\n  label="
    text.add(quoted: title)
    text += ";\n"
    for (index, column) in columns.enumerated() {
      for unit in column.shown {
        text += "  u"
        text.add(index)
        text += "_"
        text.add(unit)
        text += " [label="
        text.add(quoted: caption(column, unit))
        text += "];\n"
      }
      guard index > 0 else { continue }
      for from in columns[index - 1].shown {
        for to in column.shown {
          text += "  u"
          text.add(index - 1)
          text += "_"
          text.add(from)
          text += " -> u"
          text.add(index)
          text += "_"
          text.add(to)
          if isChosen(index, from, to) { text += " [color=\"#b3005e\", penwidth=3]" }
          text += ";\n"
        }
      }
    }
    text += "}\n"
    return text
  }

  /// Whether the connection between a unit of the column before and one of this is the one of the factors.
  func isChosen(_ column: Int, _ from: Int, _ to: Int) -> Bool {
    guard let factors, columns[column].node == factors.node else { return false }
    return factors.inputIndex == from && factors.unit == to
  }

  /// Whether an error of the factors comes back along a connection.
  func isBack(_ column: Int, _ from: Int) -> Bool {
    guard let factors, column > 0, columns[column - 1].node == factors.node else { return false }
    return factors.unit == from
  }

  /// What is written for a unit in DOT: its name and its value.
  private func caption(_ column: Column, _ unit: Int) -> Text {
    var text = Text()
    if unit < column.names.count {
      text.add(column.names[unit])
    } else {
      text.add(column.title)
      text.add(brackets: [unit])
    }
    if let value = number(column.values, unit, column.count) {
      text += "\n"
      text.add(value, digits: 4)
    }
    return text
  }
}
