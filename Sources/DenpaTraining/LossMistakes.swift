import DenpaCore
import DenpaGraph

/// Finds losses that can be computed but are meaningless on their outputs. They are refused when a trainer is
/// made, because training would seem to succeed and give a wrong result.
///
/// Only what cannot be intended is refused. Sums, plugins' layers, exponentials and inputs may or may not be
/// probabilities.
enum LossMistakes {
  private static let probabilities = "cross_entropy"
  private static let logits = "softmax_cross_entropy"

  /// Throws if `term` is such a loss. Its output must be one of the model's.
  static func check(_ term: LossTerm, of model: Model) throws(DenpaError) {
    let kind = term.definition.spec.kind
    guard kind == probabilities || kind == logits else { return }
    let graph = model.graph
    let value = model.outputs[term.output]
    let end = graph.nodes[graph.values[value].node]
    let shape = graph.values[value].type.shape
    if shape.rank >= 2, shape.last == 1 {
      throw DenpaError(
        .badArgument,
        "\(kind) on \(end.kind) \"\(end.name)\": one class is always the right one; two classes need two outputs with softmax_cross_entropy, or a binary cross-entropy on one"
      )
    }
    let source = origin(value, graph)
    if kind == logits {
      guard source.kind == "softmax" else { return }
      throw DenpaError(
        .badArgument,
        "softmax_cross_entropy on softmax \"\(source.name)\": it takes logits and computes the softmax itself; leave the softmax out, or use cross_entropy"
      )
    }
    guard let function = unboundedFunction(source) else { return }
    throw DenpaError(
      .badArgument,
      "cross_entropy on \(source.kind) \"\(source.name)\"\(function): its values are no probabilities; use softmax_cross_entropy, or put a softmax behind it"
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

  /// Returns the words for the function of a node whose values are not confined to 0 … 1; nil for any other
  /// node.
  private static func unboundedFunction(_ node: Node) -> Message? {
    if unbounded.contains(node.kind) { return "" }
    guard node.kind == "dense" || node.kind == "conv2d",
      case .spec(let activation)? = node.attributes.first(where: { $0.name == "activation" })?.value
    else {
      return nil
    }
    if activation.kind == "identity" { return " without an activation" }
    return unbounded.contains(activation.kind) ? " with activation \(activation.kind)" : nil
  }

  /// The functions with values below 0, or above 1 for large arguments of either sign.
  private static let unbounded: Set<String> = [
    "relu", "tanh", "gelu", "erf", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "softsign",
    "log_sigmoid", "hard_tanh", "hard_swish", "relu6",
  ]
}
