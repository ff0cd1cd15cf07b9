import DenpaCore

/// Extents of inputs that are not known before a call: the length of a sequence, the size of an image.
///
/// While a graph is built, what depends on an open extent is open too. A plan is made for known extents: the
/// shape rules run again with them.
enum OpenExtents {
  /// What open extents are taken for when a shape rule is asked what depends on them: two numbers with many
  /// divisors, so that halves of an axis exist.
  private static let trials = (5_040, 10_080)

  /// The types of a layer's outputs, and its parameters. Layers see no open extents: their shape rules run
  /// for two numbers in place of them, and an extent that differs is open.
  static func shapes(
    of layer: any Layer, _ inputs: [TensorType]
  ) throws(DenpaError) -> ([TensorType], [ParameterSpec]) {
    guard inputs.contains(where: { $0.shape.openCount > 0 }) else {
      return (try layer.outputs(inputs), try layer.parameters(inputs))
    }
    let first: ([TensorType], [ParameterSpec]), second: ([TensorType], [ParameterSpec])
    do throws(DenpaError) {
      first = try shapes(of: layer, inputs, trials.0)
      second = try shapes(of: layer, inputs, trials.1)
    } catch {
      throw DenpaError(
        error.status, "\(error.message) (an open extent was taken for \(trials.0) and \(trials.1))")
    }
    for (a, b) in zip(first.1, second.1) where a.shape != b.shape {
      throw DenpaError(
        .badShape, "the shape of parameter \"\(a.name)\" depends on an open extent, so it cannot be known")
    }
    guard first.0.map(\.shape.rank) == second.0.map(\.shape.rank), first.1.count == second.1.count else {
      throw DenpaError(.badShape, "how many axes or parameters there are depends on an open extent")
    }
    let types = zip(first.0, second.0).map { a, b in
      var shape = a.shape
      for axis in 0..<shape.rank where shape[axis] != b.shape[axis] { shape[axis] = Shape.any }
      return TensorType(a.dtype, shape)
    }
    return (types, first.1)
  }

  private static func shapes(
    of layer: any Layer, _ inputs: [TensorType], _ trial: Int
  ) throws(DenpaError) -> ([TensorType], [ParameterSpec]) {
    let known = inputs.map {
      TensorType($0.dtype, $0.shape.closed(repeatElement(trial, count: $0.shape.rank)))
    }
    return (try layer.outputs(known), try layer.parameters(known))
  }
}

/// The sizes of a batch that a plan depends on.
public struct BatchSizes: Sendable, Equatable {
  public var rows = 0
  /// Of the open axes of the inputs, in order.
  public var extents: [Int] = []

  public init(rows: Int = 0, extents: [Int] = []) {
    self.rows = rows
    self.extents = extents
  }
}

extension Plan {
  /// Whether a batch of these sizes can be computed by the plan.
  public func hasRoom(for sizes: BatchSizes) -> Bool {
    extents == sizes.extents && sizes.rows <= maximumRows
  }
}

extension Model {
  /// Returns the rows that a plan for a batch has room for: those `known` so far, or an eighth more than the
  /// batch has, so that batches that grow little by little do not need a plan each. Where extents are open,
  /// earlier rows do not count: a long sequence may follow on many short ones.
  public func room(for sizes: BatchSizes, known: Int) -> Int {
    guard isOpen || sizes.rows > known else { return known }
    return min(sizes.rows + sizes.rows / 8, Int(Int32.max))
  }
}

extension Graph {
  /// Whether an input has an open extent.
  public var isOpen: Bool { inputs.contains { values[$0].type.shape.openCount > 0 } }

  /// The graph with open extents of its inputs replaced, in order, and all types that depend on them.
  public func closed(_ extents: [Int]) throws(DenpaError) -> Graph {
    guard isOpen else { return self }
    var result = self
    var rest = extents[...]
    for node in nodes {
      guard let layer = node.layer else {
        let value = node.outputs[0]
        result.values[value].type.shape = values[value].type.shape.closed(rest)
        rest = rest.dropFirst(values[value].type.shape.openCount)
        continue
      }
      let types = node.inputs.map { result.values[$0].type }
      do throws(DenpaError) {
        for (value, type) in zip(node.outputs, try layer.outputs(types)) {
          _ = try type.shape.checkedCount()
          try check(type.shape, against: values[value].type.shape, "an output")
          result.values[value].type = type
        }
        for (known, parameter) in zip(node.parameters, try layer.parameters(types)) {
          try check(parameter.shape, against: known.shape, "parameter \"\(known.name)\"")
        }
      } catch {
        throw error.inside("\(node.kind) \"\(node.name)\"")
      }
    }
    return result
  }
}

/// Checks that a shape is the expected one with its open extents known.
private func check(
  _ given: Shape, against expected: Shape, _ what: @autoclosure () -> Message
) throws(DenpaError) {
  let fits =
    given.rank == expected.rank
    && (0..<given.rank).allSatisfy { expected[$0] == given[$0] || expected[$0] == Shape.any }
  guard fits else {
    throw DenpaError(.badShape, "\(what()): expected \(expected) as in the graph, got \(given)")
  }
}
