import DenpaCore
import DenpaGraph

/// Finds losses that can be computed but are meaningless on their outputs. They are refused when a trainer is
/// made, because training would seem to succeed and give a wrong result.
///
/// Only what cannot be intended is refused. Sums, plugins' layers, exponentials and inputs may or may not be
/// probabilities.
enum LossMistakes {
  /// Throws if `term` is such a loss. Its output must be one of the model's.
  static func check(_ term: LossTerm, of model: Model) throws(DenpaError) {
    let kind = term.definition.spec.kind
    let value = model.outputs[term.output], graph = model.graph
    switch kind {
    case "cross_entropy", "kl_divergence":
      try checkClasses(kind, value, graph)
      try checkProbabilities(
        kind, origin(value, graph), "use softmax_cross_entropy, or put a softmax behind it")
    case "softmax_cross_entropy":
      try checkClasses(kind, value, graph)
      try checkLogits(kind, origin(value, graph), ["softmax"], "cross_entropy")
    case "binary_cross_entropy":
      try checkProbabilities(
        kind, origin(value, graph), "use sigmoid_cross_entropy, or put a sigmoid behind it")
    case "sigmoid_cross_entropy", "focal":
      try checkLogits(kind, origin(value, graph), ["sigmoid", "softmax"], "binary_cross_entropy")
    case "poisson":
      let ofLog = term.attributes.contains { $0.name == "log" && $0.value == .bool(true) }
      let source = origin(value, graph)
      guard !ofLog, let function = function(of: source, in: negative) else { return }
      throw DenpaError(
        .badArgument,
        "poisson on \(source.kind) \"\(source.name)\"\(function): a rate is never negative; set log, so that it is the logarithm of the rate, or put a softplus behind it"
      )
    default: return
    }
  }

  private static func checkClasses(_ kind: String, _ value: ValueID, _ graph: Graph) throws(DenpaError) {
    let shape = graph.values[value].type.shape
    guard shape.rank >= 2, shape.last == 1 else { return }
    let end = graph.nodes[graph.values[value].node]
    throw DenpaError(
      .badArgument,
      "\(kind) on \(end.kind) \"\(end.name)\": one class is always the right one; two classes need two outputs with softmax_cross_entropy, or a binary cross-entropy (sigmoid_cross_entropy) on one"
    )
  }

  /// Throws if the values that a loss takes for logits have been through its function already.
  private static func checkLogits(
    _ kind: String, _ source: Node, _ functions: [String], _ other: String
  ) throws(DenpaError) {
    guard let function = functions.first(where: { source.kind == $0 || activation(source)?.kind == $0 })
    else { return }
    let way: Message = source.kind == function ? "" : " with activation \(function)"
    throw DenpaError(
      .badArgument,
      "\(kind) on \(source.kind) \"\(source.name)\"\(way): it takes logits and computes the \(functions[0]) itself; leave the \(function) out, or use \(other)"
    )
  }

  private static func checkProbabilities(
    _ kind: String, _ source: Node, _ advice: Message
  ) throws(DenpaError) {
    guard let function = function(of: source, in: unbounded) else { return }
    throw DenpaError(
      .badArgument,
      "\(kind) on \(source.kind) \"\(source.name)\"\(function): its values are no probabilities; \(advice)"
    )
  }

  /// Returns the node that computed a value, skipping those that only pass it on.
  private static func origin(_ value: ValueID, _ graph: Graph) -> Node {
    var node = graph.nodes[graph.values[value].node]
    while node.kind == "identity" || node.kind == "flatten", let input = node.inputs.first {
      node = graph.nodes[graph.values[input].node]
    }
    return node
  }

  /// Returns the words for the function of a node if it is the identity or among `functions`.
  private static func function(of node: Node, in functions: Set<String>) -> Message? {
    if functions.contains(node.kind) { return "" }
    guard let activation = activation(node) else { return nil }
    if activation.kind == "identity" { return " without an activation" }
    return functions.contains(activation.kind) ? " with activation \(activation.kind)" : nil
  }

  private static func activation(_ node: Node) -> Spec? {
    guard node.kind == "dense" || node.kind == "conv2d",
      case .spec(let activation)? = node.attributes.first(where: { $0.name == "activation" })?.value
    else { return nil }
    return activation
  }

  /// The functions with values below 0, or above 1 for large arguments of either sign.
  private static let unbounded: Set<String> = [
    "relu", "tanh", "gelu", "erf", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "softsign",
    "log_sigmoid", "log_softmax", "hard_tanh", "hard_swish", "relu6",
  ]

  /// Those of them with values below 0.
  private static let negative = unbounded.subtracting(["relu", "relu6"])
}
