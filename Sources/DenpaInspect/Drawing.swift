import DenpaCore
import DenpaGraph

/// What is to be drawn, and how.
public final class Drawing {
  public enum Kind { case graph, network }
  public enum Format { case svg, dot }

  public var kind = Kind.graph
  public var format = Format.svg
  public var labels = Trace.Labels.own
  /// The row of a trace whose values are drawn in a network.
  public var row = 0
  public var inputNames: [String] = []
  public var outputNames: [String] = []
  /// The element of a parameter whose factors are highlighted.
  public var parameter: String?
  public var index: [Int] = []

  public init() {}
}

/// A model, or what a trace has of it, with the labels to be drawn.
final class Drawn {
  let model: Model
  let trace: Trace?
  /// With the losses and targets of a trace.
  let graph: Graph
  private let book: BookLabels?

  init(_ model: Model, _ trace: Trace?, _ labels: Trace.Labels) {
    self.model = model
    self.trace = trace
    graph = trace?.graph ?? model.graph
    book = trace == nil && labels == .book ? BookLabels(model) : nil
  }

  @inline(never)
  func label(value id: ValueID) -> String {
    if let item = item(value: id) { return item.label }
    if let label = book?.value(id).first { return label }
    let node = graph.values[id].node
    return graph.nodes[node].outputName(graph.nodes[node].outputs.firstIndex(of: id) ?? 0)
  }

  @inline(never)
  func label(parameter number: Int, of node: Int, _ name: String) -> String {
    if let trace { return trace.label(ofParameter: number) }
    return book?.parameter(node, name).first ?? graph.nodes[node].name + "." + name
  }

  /// The value of a graph's value and its gradient, if there is a trace that has them.
  func item(value id: ValueID) -> Trace.Item? { trace?.item(ofValue: id) }

  /// "dense · relu"
  @inline(never)
  func kind(_ node: Int) -> Text {
    var text = Text(graph.nodes[node].kind)
    if let activation = graph.nodes[node].activation {
      text += " · "
      text.add(activation)
    }
    return text
  }
}

extension Model {
  public func drawn(_ drawing: Drawing) throws(DenpaError) -> Text {
    try Drawn(self, nil, drawing.labels).text(drawing)
  }
}

extension Trace {
  public func drawn(_ drawing: Drawing) throws(DenpaError) -> Text {
    try Drawn(model, self, labels).text(drawing)
  }
}

extension Drawn {
  fileprivate func text(_ drawing: Drawing) throws(DenpaError) -> Text {
    let text: Text
    switch drawing.kind {
    case .graph:
      let graph = try GraphDrawing(self)
      text = drawing.format == .svg ? graph.svg() : graph.dot()
    case .network:
      let network = try NetworkDrawing(self, drawing)
      text = drawing.format == .svg ? try network.svg() : network.dot()
    }
    try checkMemory("a drawing")
    return text
  }
}
