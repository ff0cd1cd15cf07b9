import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Broadcasting as in NumPy, with the batch in front: axes behind the batch are aligned at the end, a missing
/// axis counts as one of extent 1, and an axis of extent 1 is repeated. A single number, which has no batch,
/// is repeated everywhere.
enum Broadcast {
  /// The shape of a result, or why there is none.
  static func shape(_ a: Shape, _ b: Shape) throws(DenpaError) -> Shape {
    if a.rank == 0 { return b }
    if b.rank == 0 { return a }
    var result = Shape()
    for axis in 0..<max(a.rank, b.rank) {
      let first = extent(a, axis, of: max(a.rank, b.rank)), second = extent(b, axis, of: max(a.rank, b.rank))
      guard first == second || axis > 0 && (first == 1 || second == 1) else {
        throw DenpaError(
          .badShape,
          "\(a) and \(b) cannot be broadcast: extents are equal, or one of them is 1, from the last axis on"
        )
      }
      result.append(first == 1 ? second : first)
    }
    return result
  }

  private static func extent(_ shape: Shape, _ axis: Int, of rank: Int) -> Int {
    let place = axis - (rank - shape.rank)
    return axis == 0 ? shape[0] : place < 1 ? 1 : shape[place]
  }

  /// For each axis of `shape` that of `whole` which it is along.
  static func axes(_ shape: Shape, in whole: Shape) -> [Int] {
    (0..<shape.rank).map { $0 == 0 ? 0 : $0 + whole.rank - shape.rank }
  }

  /// The axes of `whole` along which a tensor of `shape` is repeated.
  static func repeated(_ shape: Shape, in whole: Shape) -> [Int] {
    let axes = axes(shape, in: whole)
    return (0..<whole.rank).filter { axis in
      axes.firstIndex(of: axis).map { shape[$0] != whole[axis] } ?? true
    }
  }
}

extension Recipe {
  /// x, repeated so that it has that shape.
  func broadcast(_ x: Tensor, to whole: Shape) -> Tensor {
    shape(x) == whole ? x : spread(x, along: Broadcast.axes(shape(x), in: whole), as: whole)
  }

  /// dx = factor·dy, summed over the axes along which x is repeated.
  func sumRepeated(_ dy: Tensor, times factor: Double = 1, ofShape given: Shape, into dx: Tensor) {
    let axes = Broadcast.repeated(given, in: shape(dy))
    if axes.isEmpty { return copy(dy, times: factor, into: dx) }
    if factor == 1 { return sum(dy, over: axes, into: dx) }
    let total = saved("total", Reductions.remaining(shape(dy), axes))
    sum(dy, over: axes, into: total)
    copy(total, times: factor, into: dx)
  }
}

/// A layer that is a function of two values, element by element.
protocol BinaryLayer: BuiltInLayer {
  static var function: BinaryFunction { get }
}

extension BinaryLayer {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let a = try inputs[0].requireFloat("a"), b = try inputs[1].requireFloat("b")
    return [TensorType(a.dtype, try Broadcast.shape(a.shape, b.shape))]
  }

  public func forward(_ r: Recipe) { Broadcast.forward(r, Self.function) }
  public func backward(_ r: Recipe) { Broadcast.backward(r, Self.function) }
}

extension Broadcast {
  static func spec(
    _ kind: String, _ summary: String, _ details: String = "", range: ClosedRange<Double> = -2...2
  ) -> LayerSpec {
    LayerSpec(
      kind: kind, summary: summary,
      details:
        "a and b of shapes that can be broadcast as in NumPy, with the batch in front → y of the common shape.\(details)",
      inputs: ["a", "b"],
      samples: [
        Sample(inputs: [TensorType(.float32, [4, 5]), TensorType(.float32, [4, 5])], range: range),
        Sample(inputs: [TensorType(.float32, [3]), TensorType(.float32, [3])], range: range),
        Sample(inputs: [TensorType(.float32, [3, 4, 17]), TensorType(.float32, [3, 17])], range: range),
        Sample(inputs: [TensorType(.float32, [2, 1, 3]), TensorType(.float32, [2, 4, 1])], range: range),
      ])
  }

  fileprivate static func forward(_ r: Recipe, _ function: BinaryFunction) {
    let whole = r.shape(r.y)
    r.apply(function, r.broadcast(r.input(0), to: whole), r.broadcast(r.input(1), to: whole), into: r.y)
  }

  fileprivate static func backward(_ r: Recipe, _ function: BinaryFunction) {
    for operand in 0...1 {
      let given = r.shape(r.input(operand)), dx = r.dInput(operand)
      switch (function, operand) {
      case (.add, _), (.subtract, 0): r.sumRepeated(r.dy, ofShape: given, into: dx)
      case (.subtract, _): r.sumRepeated(r.dy, times: -1, ofShape: given, into: dx)
      default:
        let whole = r.shape(r.y)
        let isWhole = given == whole
        let derivative = isWhole ? dx : r.saved("gradient \(operand)", like: r.y)
        r.applyDerivative(
          function, operand: operand, at: r.broadcast(r.input(0), to: whole),
          r.broadcast(r.input(1), to: whole), r.dy, into: derivative)
        if !isWhole { r.sumRepeated(derivative, ofShape: given, into: dx) }
      }
    }
  }
}
