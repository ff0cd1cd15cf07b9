import DenpaCore
import DenpaGraph

/// Every value and every gradient of one batch, by name: what `Observation` has kept, with labels.
public final class Trace: @unchecked Sendable {
  /// The numbers are denpa.h's.
  public enum Kind: Int32, Sendable {
    case input = 1
    case target, parameter, argument, output, loss
  }

  /// How values are called: by the names of the model, or as in textbooks: W1, b1, u1, z1.
  public enum Labels: Sendable { case own, book }

  /// A class, because copies of its views would be a large part of the code.
  public final class Item {
    public let kind: Kind
    /// What it is called: "hidden.W", "W1".
    public fileprivate(set) var label = ""
    /// Its name in the model, which is found too.
    public let name: String
    /// The node that it belongs to in the plan's graph.
    public let node: Int
    /// The number of the parameter, or that of the value in the graph.
    let number: Int
    /// Without the batch axis, if the batch was one sample without it.
    public let value: TensorView
    public let gradient: TensorView?

    init(
      _ kind: Kind, _ name: String, node: Int, number: Int, _ value: TensorView, gradient: TensorView? = nil
    ) {
      self.kind = kind
      self.name = name
      self.node = node
      self.number = number
      self.value = value
      self.gradient = gradient
    }
  }

  public let observation: Observation
  public let labels: Labels
  public let items: [Item]
  private let numbers: [String: Int]

  public var model: Model { observation.model }
  var graph: Graph { observation.plan.graph }

  public init(_ observation: Observation, _ labels: Labels) throws(DenpaError) {
    self.observation = observation
    self.labels = labels
    var list = TraceList(observation, labels)
    list.collect()
    items = list.items
    numbers = list.numbers
    try checkMemory("a trace")
  }

  /// Returns the number of the item with a label or a name.
  public func index(of label: String) throws(DenpaError) -> Int {
    if let index = numbers[label] { return index }
    throw DenpaError(
      .notFound, "the trace has nothing called \"\(label)\"; it has \(list: items.map(\.label), limit: 24)")
  }
}

/// Items by what they are of.
extension Trace {
  /// The item of a value of the plan's graph.
  @inline(never)
  func item(ofValue id: ValueID) -> Item? {
    let node = graph.values[id].node, isModels = id < model.graph.values.count
    for item in items where item.node == node {
      switch item.kind {
      case .input, .output: if isModels, item.number == id { return item }
      case .target, .loss: if !isModels { return item }
      default: break
      }
    }
    return nil
  }

  func label(ofValue id: ValueID) -> String { item(ofValue: id)?.label ?? "" }

  /// What a node computes.
  func label(ofNode node: Int) -> String { graph.nodes[node].outputs.first.map { label(ofValue: $0) } ?? "" }

  func label(ofParameter number: Int) -> String {
    for item in items where item.kind == .parameter && item.number == number { return item.label }
    return ""
  }
}

/// Collects the items of a trace in the order of computation.
private struct TraceList {
  let observation: Observation
  let book: BookLabels?
  var items: [Trace.Item] = []
  /// Labels and names.
  var numbers: [String: Int] = [:]

  init(_ observation: Observation, _ labels: Trace.Labels) {
    self.observation = observation
    book = labels == .book ? BookLabels(observation.model) : nil
  }

  /// Without the batch axis, if there was none.
  private func view(_ tensor: TensorID) -> TensorView {
    var view = observation.view(tensor)
    if observation.isSample, observation.plan.tensors[tensor].type.shape.isBatched {
      view.type.shape = view.type.shape.sample
    }
    return view
  }

  /// Adds an item under the first of the labels that is not taken; the others are found as well.
  private mutating func add(_ item: Trace.Item, _ labels: [String]) {
    for label in labels + [item.name] where numbers[label] == nil {
      if item.label.isEmpty { item.label = label }
      numbers[label] = items.count
    }
    items.append(item)
  }

  private mutating func add(
    _ kind: Trace.Kind, _ name: String, _ node: Int, _ number: Int, _ value: TensorID, _ gradient: TensorID?,
    _ labels: [String]
  ) {
    add(
      Trace.Item(
        kind, name, node: node, number: number, view(value), gradient: gradient.map { view($0) }), labels)
  }

  mutating func collect() {
    let plan = observation.plan, kept = observation.kept, graph = observation.model.graph
    let parameters = observation.model.parameters
    var arguments = kept.arguments[...]
    for index in graph.nodes.indices {
      if graph.nodes[index].shares == nil {
        for number in observation.model.parameterNumbers[index] {
          let item = Trace.Item(
            .parameter, parameters[number].name, node: index, number: number, observation.parameter(number),
            gradient: observation.parameterGradient(number))
          add(item, book?.parameter(index, parameters[number].spec.name) ?? [])
        }
      }
      if let argument = arguments.first, argument.node == index {
        arguments = arguments.dropFirst()
        let name = graph.nodes[index].name + ".u"
        add(.argument, name, index, 0, argument.value, argument.gradient, book?.argument(index) ?? [])
      }
      let kind: Trace.Kind = graph.nodes[index].layer == nil ? .input : .output
      for (port, id) in graph.nodes[index].outputs.enumerated() {
        let name = graph.nodes[index].outputName(port)
        add(kind, name, index, id, kept.values[id], kept.gradients[id], book?.value(id) ?? [])
      }
    }
    let isOnly = book != nil && plan.targetCount == 1
    for slot in plan.slots where slot.kind == .target {
      let node = plan.tensors[slot.tensor].node
      add(.target, slot.name, node, 0, slot.tensor, nil, isOnly ? ["t"] : [])
    }
    let isAlone = book != nil && plan.losses.count == 1
    for loss in plan.losses {
      let node = plan.tensors[loss.tensor].node
      add(.loss, plan.graph.nodes[node].name, node, 0, loss.tensor, nil, isAlone ? ["E"] : [])
    }
  }
}
