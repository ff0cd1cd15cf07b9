import DenpaCore
import DenpaGraph

/// Shared by the layers that make values have a mean of 0 and a variance of 1: x̂ = (x − μ)/√(σ² + epsilon),
/// where μ and σ² are the mean and the variance of x over some axes. Without centering μ is 0 everywhere, and σ²
/// the mean of the squares.
struct Standardization {
  let r: Recipe
  let x: Tensor
  /// Over which axes of x.
  let axes: [Int]
  var centers = true

  private var rest: Shape { Reductions.remaining(r.shape(x), axes) }

  /// Of the other axes.
  var mean: Tensor { r.saved("mean", rest) }
  var variance: Tensor { r.saved("variance", rest) }
  private var deviation: Tensor { r.saved("deviation", rest) }
  /// x̂, like x.
  var standardized: Tensor { r.saved("standardized", like: x) }

  private func spread(_ tensor: Tensor) -> Tensor { r.spread(tensor, over: axes, like: x) }

  /// Computes mean, variance and x̂.
  func forward(epsilon: Double) {
    let centered = centers ? r.saved("centered", like: x) : x, squares = r.saved("squares", like: x)
    if centers {
      r.mean(x, over: axes, into: mean)
      r.apply(.subtract, x, spread(mean), into: centered)
    }
    r.apply(.square, centered, into: squares)
    r.mean(squares, over: axes, into: variance)
    root(variance, epsilon)
    r.apply(.divide, centered, spread(deviation), into: standardized)
  }

  /// Computes x̂ from a given mean and variance.
  func forward(mean: Tensor, variance: Tensor, epsilon: Double) {
    let centered = r.saved("centered", like: x)
    r.apply(.subtract, x, spread(mean), into: centered)
    root(variance, epsilon)
    r.apply(.divide, centered, spread(deviation), into: standardized)
  }

  private func root(_ variance: Tensor, _ epsilon: Double) {
    let shifted = r.saved("shifted variance", rest)
    r.apply(.add, variance, r.spread(r.constant(epsilon), along: [], as: rest), into: shifted)
    r.apply(.squareRoot, shifted, into: deviation)
  }

  /// dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))/√(σ² + epsilon), without mean(dx̂) if x is not centered.
  func backward(_ gradient: Tensor, into dx: Tensor) {
    let products = r.saved("dx̂·x̂", like: x), second = r.saved("mean of dx̂·x̂", rest)
    let along = r.saved("x̂·mean(dx̂·x̂)", like: x), difference = r.saved("dx·deviation", like: x)
    let centered = centers ? r.saved("dx̂ - mean(dx̂)", like: x) : gradient
    if centers {
      let first = r.saved("mean of dx̂", rest)
      r.mean(gradient, over: axes, into: first)
      r.apply(.subtract, gradient, spread(first), into: centered)
    }
    r.apply(.multiply, gradient, standardized, into: products)
    r.mean(products, over: axes, into: second)
    r.apply(.multiply, standardized, spread(second), into: along)
    r.apply(.subtract, centered, along, into: difference)
    r.apply(.divide, difference, spread(deviation), into: dx)
  }
}

/// y = gamma·x̂ + beta, each where it is there, repeated along the axes that it does not have.
struct Affine {
  let r: Recipe
  /// For each axis of gamma and beta that of x.
  let axes: [Int]
  let hasGamma: Bool
  let hasBeta: Bool

  static let attributes = [
    AttributeSpec(
      "epsilon", .float, default: .float(1e-5), minimum: 0, maximum: 1, "Added to the variance."),
    AttributeSpec("scale", .bool, default: .bool(true), "Whether gamma is there."),
    AttributeSpec("center", .bool, default: .bool(true), "Whether beta is there."),
  ]

  static func parameters(_ shape: Shape, hasGamma: Bool, hasBeta: Bool) -> [ParameterSpec] {
    (hasGamma ? [ParameterSpec("gamma", shape, initializer: Spec("ones"))] : [])
      + (hasBeta ? [ParameterSpec("beta", shape, initializer: Spec("zeros"))] : [])
  }

  private func spread(_ name: String) -> Tensor { r.spread(r[name], along: axes, as: r.shape(r.x)) }

  func forward(_ x: Tensor) {
    let scaled = hasGamma && hasBeta ? r.saved("scaled", like: x) : r.y
    if hasGamma { r.apply(.multiply, x, spread("gamma"), into: scaled) }
    if hasBeta { r.apply(.add, hasGamma ? scaled : x, spread("beta"), into: r.y) }
    if !hasGamma && !hasBeta { r.copy(x, into: r.y) }
  }

  /// Writes the gradients of gamma and beta; returns dx̂.
  func backward(_ x: Tensor) -> Tensor {
    let summed = (0..<r.shape(r.x).rank).filter { !axes.contains($0) }
    if hasBeta { r.sum(r.dy, over: summed, into: r.d("beta")) }
    guard hasGamma else { return r.dy }
    let products = r.saved("dy·x̂", like: x), gradient = r.saved("dx̂", like: x)
    r.apply(.multiply, r.dy, x, into: products)
    r.sum(products, over: summed, into: r.d("gamma"))
    r.apply(.multiply, r.dy, spread("gamma"), into: gradient)
    return gradient
  }
}

/// A layer that standardizes each sample over some axes, and scales and shifts the result.
protocol SampleNorm: BuiltInLayer {
  /// Whether the mean is subtracted.
  static var centers: Bool { get }
  var epsilon: Double { get }
  var hasGamma: Bool { get }
  var hasBeta: Bool { get }
  /// The axes of x that gamma and beta have.
  func affineAxes(_ shape: Shape) throws(DenpaError) -> [Int]
  /// The shape in which x is standardized, its elements in the same order, and over which axes of that.
  func grouped(_ shape: Shape) throws(DenpaError) -> (shape: Shape, axes: [Int])
}

/// A layer that standardizes each sample over `axis` and all axes behind it.
protocol AxisNorm: SampleNorm {
  var axis: Int { get }
}

extension AxisNorm {
  func affineAxes(_ shape: Shape) throws(DenpaError) -> [Int] {
    Array(try Axis.resolve(axis, rank: shape.rank)..<shape.rank)
  }

  func grouped(_ shape: Shape) throws(DenpaError) -> (shape: Shape, axes: [Int]) {
    (shape, try affineAxes(shape))
  }
}

extension SampleNorm {
  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let x = try inputs[0].requireFloat("x")
    _ = try grouped(x.shape)
    return [x]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    var shape = Shape()
    for axis in try affineAxes(inputs[0].shape) { shape.append(inputs[0].shape[axis]) }
    return Affine.parameters(shape, hasGamma: hasGamma, hasBeta: hasBeta)
  }

  private func affine(_ r: Recipe) throws(DenpaError) -> Affine {
    Affine(r: r, axes: try affineAxes(r.shape(r.x)), hasGamma: hasGamma, hasBeta: hasBeta)
  }

  /// The elements of `tensor` in another shape.
  private func reshaped(_ r: Recipe, _ name: String, _ tensor: Tensor, as shape: Shape) -> Tensor {
    guard r.shape(tensor) != shape else { return tensor }
    let result = r.saved(name, shape)
    r.copy(tensor, into: result)
    return result
  }

  public func forward(_ r: Recipe) throws(DenpaError) {
    let (shape, axes) = try grouped(r.shape(r.x))
    let x = reshaped(r, "x in groups", r.x, as: shape)
    let standardization = Standardization(r: r, x: x, axes: axes, centers: Self.centers)
    standardization.forward(epsilon: epsilon)
    let standardized = reshaped(r, "x̂", standardization.standardized, as: r.shape(r.x))
    try affine(r).forward(standardized)
  }

  public func backward(_ r: Recipe) throws(DenpaError) {
    let (shape, axes) = try grouped(r.shape(r.x))
    let isWhole = r.shape(r.x) == shape
    let x = isWhole ? r.x : r.saved("x in groups", shape)
    let standardization = Standardization(r: r, x: x, axes: axes, centers: Self.centers)
    let standardized = isWhole ? standardization.standardized : r.saved("x̂", like: r.x)
    let gradient = reshaped(r, "dx̂ in groups", try affine(r).backward(standardized), as: shape)
    let dx = isWhole ? r.dx : r.saved("dx in groups", shape)
    standardization.backward(gradient, into: dx)
    if !isWhole { r.copy(dx, into: r.dx) }
  }
}
