import DenpaCore
import DenpaGraph
import Testing

@Suite struct GraphTests {
  private func graph() throws -> (Graph, ValueID) {
    _ = registry
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float32, sample: [4])
    return (graph, x)
  }

  @Test func shapesFollow() throws {
    var (graph, x) = try graph()
    let h = try graph.add("dense", name: nil, attributes: [NamedAttribute("units", .int(3))], inputs: [x])
    #expect(graph.values[h[0]].type.shape.description == "(rows, 3)")
    #expect(graph.nodes[1].name == "dense_1")
  }

  @Test func errorsNameNodeExpectedAndGiven() throws {
    var (graph, x) = try graph()
    let units = NamedAttribute("units", .int(3))
    _ = try graph.add("dense", name: "a", attributes: [units], inputs: [x])
    let before = graph.nodes.count
    let cases: [(Status, String, () throws -> Void)] = [
      (.notRegistered, "nothing", { _ = try graph.add("nothing", name: nil, attributes: [], inputs: [x]) }),
      (.alreadyExists, "\"a\"", { _ = try graph.add("relu", name: "a", attributes: [], inputs: [x]) }),
      (.badArgument, "units", { _ = try graph.add("dense", name: "b", attributes: [], inputs: [x]) }),
      (
        .badArgument, "at least 1",
        { _ = try graph.add("dense", name: "b", attributes: [NamedAttribute("units", .int(0))], inputs: [x]) }
      ),
      (
        .badArgument, "expects int, got string",
        {
          _ = try graph.add(
            "dense", name: "b", attributes: [NamedAttribute("units", .string("3"))], inputs: [x])
        }
      ),
      (
        .badArgument, "unknown attribute \"unit\"",
        { _ = try graph.add("dense", name: "b", attributes: [NamedAttribute("unit", .int(3))], inputs: [x]) }
      ),
      (
        .badArgument, "given twice",
        { _ = try graph.add("dense", name: "b", attributes: [units, units], inputs: [x]) }
      ),
      (
        .badArgument, "expected 1 input",
        { _ = try graph.add("relu", name: "b", attributes: [], inputs: [x, x]) }
      ),
      (.badArgument, "no value", { _ = try graph.add("relu", name: "b", attributes: [], inputs: [99]) }),
      (
        .badShape, "cannot be broadcast",
        { _ = try graph.add("add", name: "b", attributes: [], inputs: [x, 1]) }
      ),
      (.badArgument, "no name", { _ = try graph.add("relu", name: "a.b", attributes: [], inputs: [x]) }),
    ]
    for (expected, word, body) in cases {
      let found = status(body)
      #expect(found?.0 == expected, "\(word)")
      #expect(found?.1.contains(word) == true, "\(found?.1 ?? "") lacks \(word)")
    }
    #expect(graph.nodes.count == before)
  }

  @Test func pruningDropsWhatNoOutputNeeds() throws {
    var (graph, x) = try graph()
    let kept = try graph.add("relu", name: "kept", attributes: [], inputs: [x])[0]
    _ = try graph.add("relu", name: "dropped", attributes: [], inputs: [x])
    let pruned = try graph.pruned(to: [kept])
    #expect(pruned.graph.nodes.map(\.name) == ["x", "kept"])
  }
}
