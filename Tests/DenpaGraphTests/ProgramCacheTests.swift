import DenpaCore
import Testing

@testable import DenpaGraph

@Suite struct ProgramCacheTests {
  /// With changing batch sizes few programs are kept, and the results do not depend on which.
  @Test func fewProgramsAreKept() throws {
    let model = try mlp([3, 5, 2], activation: "tanh")
    let rows = 200
    let executor = try Executor(
      try Plan(model, PlanRequest(.infer, maximumRows: rows, threads: 1)), model: model)
    let weights = try model.snapshot()
    let x = random(3 * rows)
    func run(_ count: Int) throws -> [Double] {
      let input = try Array2(Array(x[..<(3 * count)]), count, 3)
      let output = try Array2(Array(repeating: 0, count: 2 * count), count, 2)
      try executor.bindInput(0, input.view)
      try executor.bindOutput(1, output.view)
      try executor.execute(rows: count, parameters: weights.base, training: false)
      return output.values
    }
    let expected = try run(rows)
    let sizes = Array(1...rows) + [1, 150, 2] + (1...rows).reversed()
    for count in sizes {
      #expect(try run(count) == Array(expected[..<(2 * count)]), "\(count) rows")
      #expect(executor.programs.count <= 64)
    }
    #expect(executor.programs.count == 64)
  }

  @Test func whatWasUsedLongestAgoGoes() throws {
    let model = try mlp([3, 5, 2], activation: "tanh")
    let executor = try Executor(
      try Plan(model, PlanRequest(.infer, maximumRows: 100, threads: 1)), model: model)
    for rows in 1...64 { try executor.prepare(rows: rows) }
    try executor.prepare(rows: 1)
    try executor.prepare(rows: 65)
    var programs = executor.programs
    #expect(programs.program(rows: 2)?.rows == nil)
    #expect(programs.program(rows: 1)?.rows == 1)
    #expect(programs.program(rows: 65)?.rows == 65)
  }

  @Test func allCanBeKept() throws {
    let model = try mlp([3, 5, 2], activation: "tanh")
    let executor = try Executor(
      try Plan(model, PlanRequest(.infer, maximumRows: 100, threads: 1)), model: model)
    try executor.prepareAll()
    #expect(executor.programs.count == 101)
  }
}
