import DenpaCore
import Testing

@testable import DenpaGraph

/// Products read views in place, and write into slices of columns.
@Suite struct ViewTests {
  /// The copies of a plan: all, and those of forward.
  private func copies(_ graph: Graph, _ output: ValueID, _ mode: PlanMode) throws -> (all: Int, forward: Int)
  {
    let model = try Model(graph, outputs: [output], dtype: .float64, seed: 1)
    let plan = try Plan(model, PlanRequest(mode, maximumRows: 3, threads: 2))
    let places = plan.ops.indices.filter { plan.ops[$0].operation is CopyOperation }
    return (places.count, places.filter { $0 < plan.forwardCount }.count)
  }

  private func add(
    _ graph: inout Graph, _ kind: String, _ inputs: [ValueID], _ attributes: [NamedAttribute] = []
  ) throws -> ValueID {
    _ = registry
    return try graph.add(kind, name: nil, attributes: attributes, inputs: inputs)[0]
  }

  private func dense(_ graph: inout Graph, _ x: ValueID, _ units: Int) throws -> ValueID {
    let attributes = [NamedAttribute("units", .int(units)), NamedAttribute("activation", .string("tanh"))]
    return try add(&graph, "dense", [x], attributes)
  }

  @Test func aSliceOfColumnsIsReadInPlace() throws {
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [5])
    let h = try dense(&graph, x, 12)
    let part = try add(
      &graph, "slice", [h], [NamedAttribute("start", .int(2)), NamedAttribute("stop", .int(9))])
    let y = try dense(&graph, part, 4)
    #expect(try copies(graph, y, .infer).all == 0)
    // In training the output goes to the caller by a copy, since backward reads it too.
    #expect(try copies(graph, y, .train).forward == 1)
  }

  @Test func headsAreReadInPlace() throws {
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [6, 8])
    func heads(_ value: ValueID) throws -> ValueID {
      let parts = try add(&graph, "reshape", [value], [NamedAttribute("shape", .ints([6, 2, 4]))])
      return try add(&graph, "transpose", [parts], [NamedAttribute("axes", .ints([2, 1, 3]))])
    }
    let q = try heads(try dense(&graph, x, 8)), k = try heads(try dense(&graph, x, 8))
    let y = try add(&graph, "matmul", [q, k], [NamedAttribute("transpose_b", .bool(true))])
    #expect(try copies(graph, y, .infer).all == 0)
  }

  @Test func stepsThatAreNotAdjacentAreReadInPlace() throws {
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [3, 4, 5])
    let turned = try add(&graph, "transpose", [x], [NamedAttribute("axes", .ints([3, 1, 2]))])
    let y = try dense(&graph, turned, 6)
    #expect(try copies(graph, y, .infer).all == 0)
  }

  @Test(arguments: [1, 2]) func windowsAreReadInPlace(groups: Int) throws {
    var graph = Graph()
    let x = try graph.addInput(name: "x", dtype: .float64, sample: [7, 6, 4])
    let attributes = [
      NamedAttribute("filters", .int(6)), NamedAttribute("kernel", .ints([3, 2])),
      NamedAttribute("strides", .ints([2, 1])), NamedAttribute("groups", .int(groups)),
      NamedAttribute("activation", .string("relu")),
    ]
    let y = try add(&graph, "conv2d", [x], attributes)
    #expect(try copies(graph, y, .infer).all == 0)
    // That of the output to the caller.
    #expect(try copies(graph, y, .train).all == 1)
  }
}
