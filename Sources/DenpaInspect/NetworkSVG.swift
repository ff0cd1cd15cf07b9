import DenpaCore
import DenpaGraph

/// A network in SVG: columns of circles, and lines whose width is the size of a weight.
extension NetworkDrawing {
  private static let radius = 23
  /// From unit to unit, more where numbers are written.
  private var step: Int { drawn.trace != nil || numbered() ? 88 : 62 }
  private static let top = 92
  /// Connections between two columns up to which each has its number.
  private static let mostNumbers = 12

  private func height(of column: Column) -> Int {
    let gaps = zip(column.shown, column.shown.dropFirst()).count { $1 > $0 + 1 }
    return (column.shown.count + gaps) * step
  }

  /// The height of each drawn unit, and of the ellipses where units are left out.
  private func places(_ column: Column, _ middle: Int) -> (units: [Int], ellipses: [Int]) {
    var y = middle - height(of: column) / 2 + step / 2
    var units: [Int] = [], ellipses: [Int] = []
    var last: Int?
    for unit in column.shown {
      if let last, unit > last + 1 {
        ellipses.append(y)
        y += step
      }
      units.append(y)
      y += step
      last = unit
    }
    return (units, ellipses)
  }

  func svg() throws(DenpaError) -> Text {
    var svg = SVG()
    let tallest = columns.reduce(0) { max($0, height(of: $1)) }
    let middle = NetworkDrawing.top + tallest / 2
    let apart = numbered() ? 290 : 210
    let left = 60 + (columns[0].names.map { Text($0).pixels }.max() ?? 0)
    let right = 60 + (columns[columns.count - 1].names.map { Text($0).pixels }.max() ?? 0)
    func x(_ column: Int) -> Int { left + apart * column }
    let all = columns.map { places($0, middle) }
    for index in columns.indices.dropFirst() {
      connect(index, x(index - 1), x(index), all[index - 1].units, all[index].units, &svg)
    }
    for (index, column) in columns.enumerated() {
      units(index, x(index), all[index].units, &svg)
      for y in all[index].ellipses { svg.text(x(index), y + 6, Text("⋮"), "dp-text dp-strong") }
      heading(column, x(index), &svg)
    }
    var width = x(columns.count - 1) + right
    var bottom = NetworkDrawing.top + tallest + 24
    if let factors, let trace = drawn.trace { panel(try trace.text(factors), &width, &bottom, &svg) }
    return svg.document(width, bottom, title)
  }

  private func heading(_ column: Column, _ x: Int, _ svg: inout SVG) {
    svg.text(x, 26, column.title, "dp-text dp-strong")
    var count = Text()
    count.add(column.count)
    count += column.count == 1 ? " unit" : " units"
    svg.text(x, 42, count, "dp-small")
    var kinds = Text()
    for (index, kind) in column.kinds.enumerated() {
      if index > 0 { kinds += ", " }
      kinds.add(kind)
    }
    svg.text(x, 57, kinds, "dp-small")
  }

  private func units(_ index: Int, _ x: Int, _ places: [Int], _ svg: inout SVG) {
    let column = columns[index]
    for (unit, y) in zip(column.shown, places) {
      svg.circle(x, y, NetworkDrawing.radius, index == 0 ? "dp-data" : "dp-box")
      if isInFactors(index, unit) { svg.circle(x, y, NetworkDrawing.radius + 3, "dp-ring") }
      if let value = number(column.values, unit, column.count) {
        var text = Text()
        text.add(value, digits: 3)
        svg.text(x, y + 4, text, "dp-value")
        if let gradient = number(column.gradients, unit, column.count) {
          text = Text()
          text.add(gradient, digits: 3)
          svg.text(x, y + NetworkDrawing.radius + 14, text, "dp-gradient dp-halo")
        }
      }
      if index > 0, hasNumbers(index), let bias = column.bias {
        var text = Text("b ")
        text.add(parameter(bias).number(unit), digits: 3)
        svg.text(x, y - NetworkDrawing.radius - 4, text, "dp-small dp-halo")
      }
      if unit < column.names.count {
        let isFirst = index == 0
        svg.text(
          isFirst ? x - NetworkDrawing.radius - 8 : x + NetworkDrawing.radius + 8, y + 5,
          Text(column.names[unit]), "dp-text", isFirst ? .end : .start)
      }
    }
  }

  private func isInFactors(_ index: Int, _ unit: Int) -> Bool {
    guard let factors else { return false }
    if columns[index].node == factors.node { return unit == factors.unit }
    return index + 1 < columns.count && columns[index + 1].node == factors.node && unit == factors.inputIndex
  }

  /// Whether the connections that come to a column have numbers.
  private func hasNumbers(_ index: Int) -> Bool {
    columns[index].shown.count * columns[index - 1].shown.count <= NetworkDrawing.mostNumbers
  }

  private func numbered() -> Bool {
    for index in 1..<columns.count where hasNumbers(index) { return true }
    return false
  }

  private func connect(
    _ index: Int, _ x1: Int, _ x2: Int, _ from: [Int], _ to: [Int], _ svg: inout SVG
  ) {
    let before = columns[index - 1], column = columns[index]
    guard let number = column.weights else { return }
    let weights = parameter(number)
    let gradient = drawn.trace?.observation.parameterGradient(number)
    func weight(_ i: Int, _ j: Int) -> Double { weights.number(i * column.count + j) }
    var largest = 0.0
    for i in before.shown {
      for j in column.shown where weight(i, j).isFinite { largest = max(largest, abs(weight(i, j))) }
    }
    let start = x1 + NetworkDrawing.radius, end = x2 - NetworkDrawing.radius
    var chosen: (Int, Int)?
    for (i, y1) in zip(before.shown, from) {
      for (j, y2) in zip(column.shown, to) {
        if isChosen(index, i, j) {
          chosen = (y1, y2)
          continue
        }
        let value = weight(i, j)
        let width = largest > 0 && value.isFinite ? 0.4 + 3.2 * abs(value) / largest : 0.4
        svg.line(
          start, y1, end, y2, isBack(index, i) ? "dp-back" : value < 0 ? "dp-negative" : "dp-positive",
          width: isBack(index, i) ? max(width, 2) : width)
      }
    }
    if let chosen { svg.line(start, chosen.0, end, chosen.1, "dp-chosen", width: 4.5) }
    guard hasNumbers(index) else { return }
    for (i, y1) in zip(before.shown, from) {
      for (place, y2) in to.enumerated() {
        // Every other one farther from where the lines begin, so that two are never side by side.
        let j = column.shown[place], part = place % 2 == 0 ? 0.2 : 0.44
        let x = start + Int(part * Double(end - start)), y = y1 + Int(part * Double(y2 - y1))
        var text = Text()
        text.add(weight(i, j), digits: 3)
        svg.text(x, y - 2, text, "dp-value dp-halo")
        guard let gradient else { continue }
        text = Text()
        text.add(gradient.number(i * column.count + j), digits: 3)
        svg.text(x, y + 10, text, "dp-gradient dp-halo")
      }
    }
  }

  /// Writes the text of factors below the drawing.
  private func panel(_ text: Text, _ width: inout Int, _ height: inout Int, _ svg: inout SVG) {
    var line = Text()
    for byte in text.bytes {
      guard byte == UInt8(ascii: "\n") else {
        line.add(byte: byte)
        continue
      }
      height += 17
      svg.text(24, height, line, "dp-value dp-fixed", .start)
      width = max(width, line.width * 7 + 48)
      line = Text()
    }
    height += 24
  }
}
