import DenpaCore
import DenpaGraph

/// The gradient of one weight taken apart, for one row: what comes back, the derivative, and what comes in.
///
/// dE/dw_ij = [Σ_k dE/dz_k · f'(u_k) · w_jk] · f'(u_j) · x_i, the sum over the units k behind unit j.
/// (Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", 1986.)
public final class Factors {
  public struct Term {
    public var node: Int
    /// nil: it comes from elsewhere, and is not taken apart.
    public var unit: Int?
    public var error: Double
    public var slope: Double
    public var weight: Double
    public var product: Double { error * slope * weight }
  }

  public let node: Int
  /// The number of the parameter.
  public let parameter: Int
  public let index: [Int]
  public let terms: [Term]
  public let row: Int
  public let error: Double
  /// nil: there is no activation, or one that is not element by element.
  public let slope: Double?
  public let input: Double
  public let gradient: Double

  init(
    node: Int, parameter: Int, index: [Int], row: Int, terms: [Term], error: Double, slope: Double?,
    input: Double, gradient: Double
  ) {
    self.node = node
    self.parameter = parameter
    self.index = index
    self.terms = terms
    self.row = row
    self.error = error
    self.slope = slope
    self.input = input
    self.gradient = gradient
  }

  public var product: Double { error * (slope ?? 1) * input }
  /// i; nil for a bias.
  public var inputIndex: Int? { index.count == 2 ? index[0] : nil }
  public var unit: Int { index[index.count - 1] }
}

extension Trace {
  /// Takes the gradient of an element of W or b of a dense layer apart.
  public func factors(_ label: String, _ index: [Int], row: Int) throws(DenpaError) -> Factors {
    let (node, number) = try chosenParameter(label)
    guard observation.hasGradients else {
      throw DenpaError(
        .badState, "the trace has no gradients: it needs a loss, targets and training = 1")
    }
    guard graph.nodes[node].kind == "dense" else {
      throw DenpaError(
        .notSupported,
        "\"\(label)\" belongs to \(graph.nodes[node].kind) \"\(graph.nodes[node].name)\": only the gradients of dense layers are products of an error, a derivative and an input"
      )
    }
    guard let whole = observation.parameterGradient(number),
      let delta = observation.delta(node, parameter: number)
    else {
      throw DenpaError(.notSupported, "\"\(label)\" is not trained, so it has no gradient to take apart")
    }
    let shape = whole.type.shape
    guard index.count == shape.rank, (0..<shape.rank).allSatisfy({ (0..<shape[$0]).contains(index[$0]) })
    else {
      throw DenpaError(
        .badArgument,
        "\"\(label)\" has shape \(shape), and no element at \(list: index.map { "\($0)" })")
    }
    let units = shape[shape.rank - 1], unit = index[shape.rank - 1]
    let x = observation.view(observation.kept.values[graph.nodes[node].inputs[0]])
    let inputs = x.type.shape.last ?? 1
    let rows = inputs > 0 ? x.type.shape.count / inputs : 0
    guard (0..<rows).contains(row) else {
      throw DenpaError(
        .badArgument, "the layer of \"\(label)\" sees \(rows) rows, counted from 0; got \(row)")
    }
    let own = split(delta, row * units + unit)
    let terms = terms(own.source, row * units + unit, own.error)
    try checkMemory("factors")
    return Factors(
      node: node, parameter: number, index: index, row: row, terms: terms, error: own.error,
      slope: own.slope, input: shape.rank == 2 ? x.number(row * inputs + index[0]) : 1,
      gradient: whole.number(shape.rank == 2 ? index[0] * units + unit : unit))
  }

  /// Returns the node and the number of the parameter that a label or a name stands for; that of a layer that
  /// shares the parameters of another one is "second.W".
  private func chosenParameter(_ label: String) throws(DenpaError) -> (node: Int, number: Int) {
    for (index, node) in model.graph.nodes.enumerated() where node.shares != nil {
      for (offset, parameter) in node.parameters.enumerated() where "\(node.name).\(parameter.name)" == label
      {
        return (index, model.parameterNumbers[index][offset])
      }
    }
    let item = items[try self.index(of: label)]
    guard item.kind == .parameter else {
      throw DenpaError(
        .notSupported, "\"\(label)\" is no parameter: the factors are those of a weight or a bias")
    }
    return (item.node, item.number)
  }

  /// Splits one element of a gradient dE/du into dE/dz and f', if it is their product.
  private func split(
    _ gradient: TensorID, _ element: Int
  ) -> (error: Double, slope: Double?, source: TensorID) {
    let gradient = observation.original(gradient)
    if let (dz, slope) = observation.derivative(gradient, at: element) {
      return (observation.view(dz).number(element), slope, dz)
    }
    return (observation.view(gradient).number(element), nil, gradient)
  }

  private func terms(_ gradient: TensorID, _ element: Int, _ total: Double) -> [Factors.Term] {
    var result: [Factors.Term] = []
    var elsewhere: Int?
    var sum = 0.0
    for source in observation.sources(gradient) {
      switch source {
      case .other(let node): elsewhere = elsewhere ?? node
      case .units(let node, let delta, let number):
        let weights = observation.parameter(number)
        let inputs = max(weights.type.shape[0], 1), units = weights.type.shape[1]
        for unit in 0..<units {
          let back = split(delta, element / inputs * units + unit)
          let term = Factors.Term(
            node: node, unit: unit, error: back.error, slope: back.slope ?? 1,
            weight: weights.number(element % inputs * units + unit))
          sum += term.product
          result.append(term)
        }
      }
    }
    if let elsewhere {
      let rest = result.isEmpty ? total : total - sum
      result.append(Factors.Term(node: elsewhere, unit: nil, error: rest, slope: 1, weight: 1))
    }
    return result
  }
}
