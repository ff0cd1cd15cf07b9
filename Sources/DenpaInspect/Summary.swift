import DenpaCore
import DenpaGraph

/// A table of a model's layers and what it costs, as text or as HTML.
public struct Summary {
  public enum Format: Sendable { case text, html }

  private static let titles: [StaticString] = [
    "layer", "kind", "output", "parameters", "count", "trained", "FLOP",
  ]
  private var rows: [[Text]] = []
  private var totals: [Text] = []

  /// `sizes`: those of the batch; nil where extents are open and not known.
  public init(_ model: Model, _ sizes: BatchSizes?, _ labels: Trace.Labels) throws(DenpaError) {
    let drawn = Drawn(model, nil, labels)
    var graph = model.graph
    var forward: [Double] = []
    if let sizes {
      var request = PlanRequest(.infer, maximumRows: sizes.rows, threads: 1)
      request.extents = sizes.extents
      request.keepsAll = true
      let plan = try Plan(model, request)
      graph = plan.graph
      forward = plan.arithmetic.forward
    }
    let parameters = model.parameters
    for index in graph.nodes.indices where graph.nodes[index].layer != nil {
      rows.append(Summary.row(drawn, parameters, graph, index, forward.isEmpty ? nil : forward[index]))
    }
    try addTotals(model, sizes)
    try checkMemory("a summary")
  }

  private static func row(
    _ drawn: Drawn, _ parameters: [Parameter], _ graph: Graph, _ index: Int, _ flop: Double?
  ) -> [Text] {
    var shapes = Text(), listed = Text(), count = Text(), trained = Text(), cost = Text()
    for (port, value) in graph.nodes[index].outputs.enumerated() {
      if port > 0 { shapes += ", " }
      shapes.add(graph.values[value].type.shape)
    }
    let owner = graph.nodes[index].shares
    var total = 0, isTrained = false
    for (offset, number) in drawn.model.parameterNumbers[index].enumerated() {
      isTrained = isTrained || parameters[number].isTrained
      guard owner == nil else { continue }
      if offset > 0 { listed += ", " }
      listed.add(drawn.label(parameter: number, of: index, parameters[number].spec.name))
      listed += " "
      listed.add(parameters[number].type.shape)
      total += parameters[number].type.shape.count
    }
    if let owner {
      listed += "those of "
      listed.add(graph.nodes[owner].name)
    }
    count.add(total)
    if !listed.bytes.isEmpty { trained += isTrained ? "yes" : "no" }
    if let flop { cost.add(amount: flop, "") }
    return [Text(graph.nodes[index].name), drawn.kind(index), shapes, listed, count, trained, cost]
  }

  private mutating func addTotals(_ model: Model, _ sizes: BatchSizes?) throws(DenpaError) {
    let parameters = model.parameters
    var line = Text()
    var count = 0
    for parameter in parameters { count += parameter.type.shape.count }
    line.add(count)
    line += " parameters, "
    line.add(model.dtype.name)
    line += ", "
    line.add(amount: Double(count * model.dtype.size), "B")
    line += ": "
    for (index, value) in model.graph.inputs.enumerated() {
      if index > 0 { line += ", " }
      line.add(model.graph.nodes[model.graph.values[value].node].name)
      line += " "
      line.add(model.graph.values[value].type.shape)
    }
    line += " -> "
    for (index, value) in model.outputs.enumerated() {
      if index > 0 { line += ", " }
      line.add(model.outputNames[index])
      line += " "
      line.add(model.graph.values[value].type.shape)
    }
    totals.append(line)
    guard let sizes else { return }
    for mode in [PlanMode.infer, .train] {
      var request = PlanRequest(mode, maximumRows: sizes.rows, threads: 1)
      request.extents = sizes.extents
      let plan: Plan
      do throws(DenpaError) { plan = try Plan(model, request) } catch {
        // A layer that serves inference only.
        guard mode == .train, error.status == .notSupported else { throw error }
        return
      }
      var line = Text()
      line += mode == .infer ? "inference, " : "training step, "
      line.add(sizes.rows)
      line += sizes.rows == 1 ? " row: " : " rows: "
      line.add(amount: plan.arithmetic.total, "FLOP")
      line += ", plan "
      line.add(amount: Double(plan.memoryBytes), "B")
      if mode == .train {
        line += ", weights and gradients "
        line.add(amount: Double(2 * model.layout.byteCount), "B")
      }
      totals.append(line)
    }
  }

  // MARK: Formats

  public func text(_ format: Format) -> Text { format == .text ? table() : html() }

  private func table() -> Text {
    var lines = [
      Summary.titles.map { title in
        var text = Text()
        text += title
        return text
      }
    ]
    lines += rows
    var widths = Array(repeating: 0, count: Summary.titles.count)
    for line in lines {
      for (column, cell) in line.enumerated() { widths[column] = max(widths[column], cell.width) }
    }
    var text = Text()
    for (number, line) in lines.enumerated() {
      var row = Text()
      for (column, cell) in line.enumerated() {
        let isNumber = column == 4 || column == 6
        if column > 0 { row += "  " }
        if isNumber { row.add(spaces: widths[column] - cell.width) }
        row.add(cell)
        if !isNumber { row.add(spaces: widths[column] - cell.width) }
      }
      row.trimEnd()
      text.add(row)
      text += "\n"
      guard number == 0 else { continue }
      for _ in 0..<widths.reduce(2 * (widths.count - 1), +) { text += "-" }
      text += "\n"
    }
    for total in totals {
      text.add(total)
      text += "\n"
    }
    return text
  }

  private func html() -> Text {
    var text = Text()
    text += "<table><thead><tr>"
    for title in Summary.titles {
      text += "<th style=\"text-align:left\">"
      text += title
      text += "</th>"
    }
    text += "</tr></thead><tbody>\n"
    for row in rows {
      text += "<tr>"
      for (column, cell) in row.enumerated() {
        text +=
          column == 4 || column == 6 ? "<td style=\"text-align:right\">" : "<td style=\"text-align:left\">"
        text.add(escaped: cell)
        text += "</td>"
      }
      text += "</tr>\n"
    }
    text += "</tbody><tfoot>\n"
    for total in totals {
      text += "<tr><td colspan=\"7\" style=\"text-align:left\">"
      text.add(escaped: total)
      text += "</td></tr>\n"
    }
    text += "</tfoot></table>\n"
    return text
  }
}

extension Text {
  private static let scales: [StaticString] = ["", "k", "M", "G", "T", "P", "E"]

  /// Appends an amount with a prefix of 1000: 12.3 kB; without a unit 12.3 k.
  mutating func add(amount: Double, _ unit: StaticString) {
    var scale = 0, rest = amount
    while rest >= 999.5, scale + 1 < Text.scales.count { (rest, scale) = (rest / 1000, scale + 1) }
    add(rest, digits: 3)
    if scale > 0 || unit.utf8CodeUnitCount > 0 { self += " " }
    self += Text.scales[scale]
    self += unit
  }

  mutating func trimEnd() {
    var count = bytes.count
    while count > 0, bytes[count - 1] == UInt8(ascii: " ") { count -= 1 }
    cut(count)
  }
}
