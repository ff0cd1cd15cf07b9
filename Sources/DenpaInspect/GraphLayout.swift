/// Where the boxes and arrows of a graph are drawn: layer by layer from left to right, each box as far to the
/// left as what it reads allows, and arrows that pass layers between boxes on their way.
///
/// The method of Sugiyama, Tagawa & Toda, "Methods for Visual Understanding of Hierarchical System
/// Structures", 1981: layers, places within layers by barycenters, coordinates.
struct GraphLayout {
  /// The left end and the middle of the height of each box.
  private(set) var places: [(x: Int, y: Int)] = []
  /// The points of each arrow, at least two.
  private(set) var routes: [[(x: Int, y: Int)]] = []
  private(set) var width = 0
  private(set) var height = 0

  private static let margin = 24

  static func width(_ box: GraphDrawing.Box) -> Int {
    guard !box.isEnd else { return 0 }
    var width = 36
    // The first line is bold.
    for (index, line) in box.lines.enumerated() {
      width = max(width, index == 0 ? line.pixels * 9 / 8 : line.pixels)
    }
    return width + 20
  }
  static func height(_ box: GraphDrawing.Box) -> Int {
    box.isEnd ? 20 : max(14 + 16 * box.lines.count, GraphDrawing.portHeight * (box.ports - 1) + 24)
  }

  /// A box, or the place where an arrow passes a layer.
  private final class Item {
    var layer: Int
    let height: Int
    var before: [Int] = []
    var behind: [Int] = []
    var y = 0.0

    init(_ layer: Int, height: Int) {
      self.layer = layer
      self.height = height
    }

    /// The mean of what `values` are of the items before or behind; nil if there are none.
    func center(_ isForward: Bool, _ values: [Double]) -> Double? {
      let others = isForward ? before : behind
      guard !others.isEmpty else { return nil }
      var sum = 0.0
      for other in others { sum += values[other] }
      return sum / Double(others.count)
    }
  }

  init(_ drawing: GraphDrawing) {
    let boxes = drawing.boxes, arrows = drawing.arrows
    var items: [Item] = []
    for box in boxes { items.append(Item(0, height: GraphLayout.height(box))) }
    GraphLayout.chooseLayers(items, arrows)
    var last = 0
    for item in items { last = max(last, item.layer) }
    var layers = Array(repeating: [Int](), count: last + 1)
    for index in boxes.indices { layers[items[index].layer].append(index) }
    // The items that each arrow connects, from box to box.
    var chains: [[Int]] = []
    for arrow in arrows {
      var chain = [arrow.from]
      for layer in items[arrow.from].layer + 1..<max(items[arrow.to].layer, items[arrow.from].layer + 1) {
        chain.append(items.count)
        layers[layer].append(items.count)
        items.append(Item(layer, height: 8))
      }
      chain.append(arrow.to)
      for (from, to) in zip(chain, chain.dropFirst()) {
        items[from].behind.append(to)
        items[to].before.append(from)
      }
      chains.append(chain)
    }
    GraphLayout.order(&layers, items)
    GraphLayout.chooseHeights(layers, items)

    // Between two layers there is room for the labels of the arrows that leave the first one's boxes; all
    // arrows are straight as far as those reach.
    let bend = 52
    var gaps = Array(repeating: bend, count: layers.count), widths = Array(repeating: 0, count: layers.count)
    for index in boxes.indices {
      widths[items[index].layer] = max(widths[items[index].layer], GraphLayout.width(boxes[index]))
    }
    for arrow in arrows {
      let layer = items[arrow.from].layer
      let length = max(arrow.above.width, arrow.below.width) * 7 + 12
      gaps[layer] = max(gaps[layer], length + bend)
    }
    var lefts: [Int] = [], x = GraphLayout.margin
    for layer in layers.indices {
      lefts.append(x)
      x += widths[layer] + (layer + 1 < layers.count ? gaps[layer] : 0)
    }
    width = x + GraphLayout.margin
    var top = Double.infinity, bottom = -Double.infinity
    for item in items {
      top = min(top, item.y - Double(item.height) / 2)
      bottom = max(bottom, item.y + Double(item.height) / 2)
    }
    let shift = Double(GraphLayout.margin) - top
    height = Int(bottom + shift) + GraphLayout.margin
    func y(_ item: Int) -> Int { Int((items[item].y + shift).rounded()) }
    for index in boxes.indices {
      let layer = items[index].layer
      places.append((lefts[layer] + (widths[layer] - GraphLayout.width(boxes[index])) / 2, y(index)))
    }
    func straightTo(_ item: Int) -> Int {
      let layer = items[item].layer
      return lefts[layer] + widths[layer] + gaps[layer] - bend
    }
    for (arrow, chain) in zip(arrows, chains) {
      let right = places[arrow.from].x + GraphLayout.width(boxes[arrow.from])
      let beginning = y(arrow.from) + arrow.offset
      var route = [(x: right, y: beginning), (x: straightTo(arrow.from), y: beginning)]
      for item in chain.dropFirst().dropLast() {
        route.append((lefts[items[item].layer], y(item)))
        route.append((straightTo(item), y(item)))
      }
      route.append((places[arrow.to].x - (boxes[arrow.to].isEnd ? 0 : 2), y(arrow.to)))
      routes.append(route)
    }
  }

  /// What is read comes before what reads it; what nothing is before stands directly before its first reader.
  private static func chooseLayers(_ items: [Item], _ arrows: [GraphDrawing.Arrow]) {
    var first = Array(repeating: Int.max, count: items.count)
    var reads = Array(repeating: false, count: items.count)
    // Nodes are in topological order, and so are arrows by where they go to.
    for arrow in arrows {
      items[arrow.to].layer = max(items[arrow.to].layer, items[arrow.from].layer + 1)
      reads[arrow.to] = true
    }
    for arrow in arrows { first[arrow.from] = min(first[arrow.from], items[arrow.to].layer) }
    for index in items.indices where !reads[index] && first[index] != Int.max {
      items[index].layer = first[index] - 1
    }
  }

  private static func order(_ layers: inout [[Int]], _ items: [Item]) {
    var place = Array(repeating: 0.0, count: items.count)
    func number(_ layer: [Int]) { for (index, item) in layer.enumerated() { place[item] = Double(index) } }
    for layer in layers { number(layer) }
    var centers = place
    for sweep in 0..<8 {
      let isForward = sweep % 2 == 0
      for step in layers.indices {
        let layer = isForward ? step : layers.count - 1 - step
        for item in layers[layer] {
          centers[item] = items[item].center(isForward, place) ?? place[item]
        }
        // By insertion: layers are short, and nearly in order. It keeps equal ones as they are.
        for last in layers[layer].indices {
          var index = last
          while index > 0, centers[layers[layer][index]] < centers[layers[layer][index - 1]] {
            layers[layer].swapAt(index, index - 1)
            index -= 1
          }
        }
        number(layers[layer])
      }
    }
  }

  /// Each item as near to the middle of its neighbors as those beside it allow.
  private static func chooseHeights(_ layers: [[Int]], _ items: [Item]) {
    func gap(_ a: Int, _ b: Int) -> Double { Double(items[a].height + items[b].height) / 2 + 34 }
    var heights = Array(repeating: 0.0, count: items.count)
    for layer in layers {
      var y = 0.0
      for (index, item) in layer.enumerated() {
        if index > 0 { y += gap(layer[index - 1], item) }
        heights[item] = y
      }
    }
    for sweep in 0..<12 {
      let isForward = sweep % 2 == 0
      for step in layers.indices {
        let layer = layers[isForward ? step : layers.count - 1 - step]
        var wanted: [Double] = []
        for item in layer {
          wanted.append(items[item].center(isForward, heights) ?? heights[item])
        }
        var placed = wanted
        for index in placed.indices.dropFirst() {
          placed[index] = max(placed[index], placed[index - 1] + gap(layer[index - 1], layer[index]))
        }
        var shift = 0.0
        for index in placed.indices { shift += (wanted[index] - placed[index]) / Double(placed.count) }
        for index in layer.indices { heights[layer[index]] = placed[index] + shift }
      }
    }
    for index in items.indices { items[index].y = heights[index] }
  }
}
