import DenpaCore
import DenpaKernelTypes

/// y = function(a·b + bias) ∘ derivative. Reads a, b, then the bias if it has one, then the values that the
/// derivative `derivative` is computed from. Recipes write products alone; passes fuse a function or a
/// derivative into them.
///
/// a and b may be any views. y may be one whose rows are contiguous and one stride apart, as a slice of columns.
struct ProductOperation: Operation {
  /// How many of a's last axes are the columns of its matrix.
  var columnAxes = 1
  var transposeA = false
  var transposeB = false
  var hasBias = false
  var function = Function.identity
  var derivative: Function?

  /// A product alone, without a function or derivative.
  var isPlain: Bool { function == .identity && derivative == nil }

  func adds(to destination: Int) -> Bool { function == .identity }

  func readsViews(_ read: Int) -> Bool { read < 2 }
  func writesViews(_ destination: Int, _ layout: Layout) -> Bool {
    // One column would have to be contiguous, and the values of a derivative are where those of y are.
    derivative == nil && Matrix(layout).columns.count > 1 && Matrix(layout).rowStride != nil
  }

  private func factors(_ op: Op, _ sizes: Sizes) -> Factors {
    Factors(
      a: Matrix(sizes.layout(op.reads[0]), columnAxes: columnAxes), b: Matrix(sizes.layout(op.reads[1])),
      transposeA: transposeA, transposeB: transposeB)
  }

  func workspace(_ op: Op, _ sizes: Sizes) -> Int {
    var arguments = factors(op, sizes).sizes
    return sizes.kernels.productWorkspace(&arguments, sizes.threads)
  }

  func arithmetic(_ op: Op, _ sizes: Sizes) -> Double {
    let product = factors(op, sizes).sizes
    let functions = (function == .identity ? 0.0 : 1) + (derivative == nil ? 0 : 1)
    return Double(product.m) * Double(product.n) * (2 * Double(product.k) + functions)
  }

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let destination = op.writes[0] else { return }
    var arguments = try factors(op, lowering.sizes).arguments(&lowering)
    let layout = lowering.layout(destination.tensor)
    if !layout.isContiguous { arguments.cStride = Matrix(layout).rowStride ?? arguments.n }
    arguments.function = function.rawValue
    arguments.derivativeFunction = derivative?.rawValue ?? 0
    arguments.flag = lowering.flag(destination)
    arguments.workspace = try lowering.workspace(op)
    arguments.isPadded = lowering.isPadded(destination.tensor) ? 1 : 0
    var pointers: [(PartialKeyPath<ProductArguments>, TensorID)] = [
      (\ProductArguments.a, op.reads[0]), (\ProductArguments.b, op.reads[1]),
      (\ProductArguments.c, destination.tensor),
    ]
    if hasBias { pointers.append((\ProductArguments.bias, op.reads[2])) }
    if derivative != nil { pointers.append((\ProductArguments.derivativePoint, op.reads[hasBias ? 3 : 2])) }
    let kernels = lowering.sizes.kernels
    let step = destination.mode == .overwrite ? kernels.productStep(&arguments) : nil
    try lowering.emit(
      step ?? kernels[.product], arguments, pointers, accumulate: (\ProductArguments.accumulate, destination))
  }

  func lowerTogether(
    _ op: Op, _ following: ArraySlice<Op>, _ lowering: inout Lowering
  ) throws(DenpaError) -> Int {
    guard let gradient = DenseGradient(op, self, following) else { return 0 }
    return try gradient.lower(&lowering) ? gradient.count : 0
  }
}

extension Recipe {
  /// y = a·b (+ bias), where a's matrix has the windows of an image as its rows if it was made of them.
  public func product(_ a: Tensor, _ b: Tensor, plus bias: Tensor? = nil, into y: Tensor) {
    let operation = ProductOperation(
      columnAxes: a.columnAxes, transposeA: a.transposed, transposeB: b.transposed, hasBias: bias != nil)
    emit(operation, [a, b] + (bias.map { [$0] } ?? []), y)
  }
}

/// What a dense layer writes down for its backward: dx = du·Wᵀ ∘ f', dW = xᵀ·du, db = Σ du; the first and the
/// last may be missing. On one sample one kernel call does all of it.
private struct DenseGradient {
  var dx: Op?
  var derivative: Function?
  var dw: Op
  var db: Op?
  var count: Int { (dx == nil ? 1 : 2) + (db == nil ? 0 : 1) }

  init?(_ first: Op, _ product: ProductOperation, _ following: ArraySlice<Op>) {
    var rest = following
    var second: (op: Op, product: ProductOperation)? = (first, product)
    if !product.transposeA, product.transposeB, !product.hasBias, product.function == .identity {
      dx = first
      derivative = product.derivative
      second = rest.popFirst().flatMap { op in (op.operation as? ProductOperation).map { (op, $0) } }
    }
    guard let (dw, other) = second, other.transposeA, !other.transposeB, !other.hasBias, other.isPlain,
      dx.map({ $0.reads[0] == dw.reads[1] }) ?? true
    else { return nil }
    self.dw = dw
    if let next = rest.first, next.operation is ColumnSumOperation, next.reads[0] == dw.reads[1] { db = next }
  }

  /// Whether there is such a call for these sizes.
  func lower(_ lowering: inout Lowering) throws(DenpaError) -> Bool {
    guard let weights = dw.writes[0] else { return false }
    let x = dw.reads[0], dy = dw.reads[1]
    let input = dx?.writes[0], bias = db?.writes[0]
    let memory = [x, dy] + (dx.map { [$0.reads[1]] } ?? []) + (input.map { [$0.tensor] } ?? [])
    guard lowering.sizes.matrix(x).rows == 1, memory.allSatisfy({ lowering.layout($0).isContiguous }),
      (input?.mode ?? .overwrite) == .overwrite,
      (bias?.mode ?? weights.mode) == weights.mode, lowering.isParameterGradient(weights.tensor),
      bias.map({ lowering.isParameterGradient($0.tensor) }) ?? true
    else { return false }
    var arguments = DenseRowGradientArguments()
    arguments.k = lowering.sizes.matrix(x).columns
    arguments.n = lowering.sizes.matrix(dy).columns
    arguments.derivativeFunction = derivative?.rawValue ?? 0
    arguments.isPadded = input.map { lowering.isPadded($0.tensor) } ?? false ? 1 : 0
    arguments.weightFlag = lowering.flag(weights)
    arguments.biasFlag = bias.flatMap { lowering.flag($0) }
    guard let step = lowering.sizes.kernels.denseRowGradientStep(&arguments) else { return false }
    var pointers: [(PartialKeyPath<DenseRowGradientArguments>, TensorID)] = [
      (\DenseRowGradientArguments.x, x), (\DenseRowGradientArguments.dy, dy),
      (\DenseRowGradientArguments.dw, weights.tensor),
    ]
    if let bias { pointers.append((\DenseRowGradientArguments.db, bias.tensor)) }
    if let input, let dx {
      pointers += [
        (\DenseRowGradientArguments.w, dx.reads[1]), (\DenseRowGradientArguments.dx, input.tensor),
      ]
      if derivative != nil { pointers.append((\DenseRowGradientArguments.derivativePoint, dx.reads[2])) }
    }
    try lowering.emit(step, arguments, pointers, accumulate: (\DenseRowGradientArguments.accumulate, weights))
    return true
  }
}
