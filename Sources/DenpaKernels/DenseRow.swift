import DenpaKernelTypes

// A dense layer of a few units on one sample. A product's plan, tiles and epilogue would cost more than the
// multiply-adds, and a partial vector store has not reached memory when the next step wants to read it. These
// steps are therefore chosen when a plan is lowered (`KernelTable.productStep`), write whole vectors if the
// memory after a row is theirs, and read with masks.

/// The elements of W up to which the single-threaded steps below are used.
@inline(__always) var denseRowLimit: Int { 16_384 }

@inline(__always)
private func fits<V: Vector>(_: V.Type, _ n: Int, _ k: Int) -> Bool {
  n > 0 && k > 0 && n <= 2 &* V.width && n &* k <= denseRowLimit
}

@inline(__always)
func fitsDenseRow<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer) -> Bool {
  let p = arguments.assumingMemoryBound(to: DenseRowGradientArguments.self)
  return fits(V.self, p.pointee.n, p.pointee.k) && Function.isShort(p.pointee.derivativeFunction)
}

enum DenseRowFunction {
  case none
  case identityOfOne
  /// Raw value of a `Function`.
  case function(Int32)
}

/// Returns which of the steps below computes a product.
@inline(__always)
func denseRowFunction<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer) -> DenseRowFunction {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let (n, k) = (p.pointee.n, p.pointee.k)
  guard p.pointee.m == 1, p.pointee.accumulate == 0, p.pointee.transposeB == 0,
    p.pointee.aLoops == nil, p.pointee.bLoops == nil,
    p.pointee.derivativeFunction == 0,
    fits(V.self, n, k), k <= blockLimit(V.self)
  else { return .none }
  if n > 1 { return .function(p.pointee.function) }
  return p.pointee.function == Function.identity.rawValue ? .identityOfOne : .none
}

/// Computes y = f(x·W + b), summed over k like `product`.
@inline(__always)
func denseRow<V: Vector, F: PlainCurve>(_: V.Type, _: F.Type, _ arguments: UnsafeRawPointer) -> Int32 {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let n = p.pointee.n
  let w = p.pointee.b.of(V.Scalar.self)
  let stride = p.pointee.bStride
  let y = p.pointee.c.of(V.Scalar.self)
  var column = 0
  while column < n {
    let lanes = Swift.min(V.width, n &- column)
    var sum = V.zero
    var x = p.pointee.a.of(V.Scalar.self)
    let end = x + p.pointee.k
    var row = w + column
    if lanes == V.width {
      while x < end {
        sum = V.fma(V.splat(x[0]), V.load(row), sum)
        x += 1
        row += stride
      }
    } else {
      while x < end {
        sum = V.fma(V.splat(x[0]), V.load(row, first: lanes, fill: V.zero), sum)
        x += 1
        row += stride
      }
    }
    if p.pointee.bias != nil { sum = sum + V.load(p.pointee.bias.of(V.Scalar.self) + column, lanes) }
    F.value(sum).store(y + column, p.pointee.isPadded != 0 ? V.width : lanes)
    column &+= V.width
  }
  return 0
}

/// The same for one column.
@inline(__always)
func denseRowOfOne<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer) -> Int32 {
  let p = arguments.assumingMemoryBound(to: ProductArguments.self)
  let y = p.pointee.c.of(V.Scalar.self)
  var sum = V.splat(dot(V.self, p.pointee.a.of(V.Scalar.self), p.pointee.b.of(V.Scalar.self), p.pointee.k))
  if p.pointee.bias != nil { sum = sum + V.splat(p.pointee.bias.of(V.Scalar.self)[0]) }
  y[0] = sum.first
  return 0
}

/// Computes all gradients of a dense layer on one sample; see `DenseRowGradientArguments`.
@inline(__always)
func denseRowGradient<V: Vector>(_: V.Type, _ arguments: UnsafeRawPointer) -> Int32 {
  let p = arguments.assumingMemoryBound(to: DenseRowGradientArguments.self)
  var badWeights = V.zero, badBias = V.zero
  if p.pointee.n == 1 {
    gradientOfOne(V.self, p, &badWeights, &badBias)
  } else {
    if p.pointee.dx != nil { inputGradient(V.self, p) }
    var column = 0
    while column < p.pointee.n {
      parameterGradients(V.self, p, column, &badWeights, &badBias)
      column &+= V.width
    }
  }
  if (badWeights + badBias).hasNaN {
    report(badWeights, p.pointee.weightFlag)
    report(badBias, p.pointee.biasFlag)
  }
  return 0
}

/// Computes dW = xᵀ·dy and db = dy for one vector of columns.
@inline(__always)
private func parameterGradients<V: Vector>(
  _: V.Type, _ p: UnsafePointer<DenseRowGradientArguments>, _ column: Int, _ badWeights: inout V,
  _ badBias: inout V
) {
  let (n, k) = (p.pointee.n, p.pointee.k)
  let lanes = Swift.min(V.width, n &- column)
  let dy = V.load(p.pointee.dy.of(V.Scalar.self) + column, lanes)
  let adds = p.pointee.accumulate != 0
  if p.pointee.db != nil {
    let db = p.pointee.db.of(V.Scalar.self) + column
    let value = adds ? V.load(db, lanes) + dy : dy
    badBias = V.fma(value, V.zero, badBias)
    value.store(db)
  }
  if p.pointee.dw == nil { return }
  let x = p.pointee.x.of(V.Scalar.self)
  var dw = p.pointee.dw.of(V.Scalar.self) + column
  if adds {
    for i in 0..<k {
      let value = V.load(dw, lanes) + V.splat(x[i]) * dy
      badWeights = V.fma(value, V.zero, badWeights)
      value.store(dw, lanes)
      dw += n
    }
    return
  }
  // If a row is one vector, what spills into the next row is overwritten by it, and what spills past the last
  // row is padding, as far as that extends. The second vector of a row would overwrite values already there.
  let size = MemoryLayout<V.Scalar>.stride
  let rows =
    n <= V.width
    ? Swift.min(k, (roundUp(n &* k &* size, 64) / size &- V.width) / n &+ 1) : lanes == V.width ? k : 0
  var i = 0
  while i < rows {
    let value = V.splat(x[i]) * dy
    badWeights = V.fma(value, V.zero, badWeights)
    value.store(dw)
    dw += n
    i &+= 1
  }
  while i < k {
    let value = V.splat(x[i]) * dy
    badWeights = V.fma(value, V.zero, badWeights)
    value.store(dw, lanes)
    dw += n
    i &+= 1
  }
}

/// Computes dx = (dy·Wᵀ) ∘ f'(y): rows of W times dy, four at a time, summed like `product`.
@inline(__always)
private func inputGradient<V: Vector>(_: V.Type, _ p: UnsafePointer<DenseRowGradientArguments>) {
  let (n, k) = (p.pointee.n, p.pointee.k)
  let w = p.pointee.w.of(V.Scalar.self)
  let dy = p.pointee.dy.of(V.Scalar.self)
  if k == 1 { return store(V.splat(dot(V.self, dy, w, n)), 0, 1, p) }
  var row = 0
  while row < k {
    let lanes = Swift.min(V.width, k &- row)
    var sums = V.zero
    var lane = 0
    while lane < lanes {
      // Rows beyond the last repeat the last; their results are unused.
      let w0 = w + (row &+ lane) &* n
      let w1 = w + Swift.min(row &+ lane &+ 1, k &- 1) &* n
      let w2 = w + Swift.min(row &+ lane &+ 2, k &- 1) &* n
      let w3 = w + Swift.min(row &+ lane &+ 3, k &- 1) &* n
      var s0 = V.zero, s1 = V.zero, s2 = V.zero, s3 = V.zero
      for j in 0..<n {
        let d = V.splat(dy[j])
        s0 = V.fma(d, V.splat(w0[j]), s0)
        s1 = V.fma(d, V.splat(w1[j]), s1)
        s2 = V.fma(d, V.splat(w2[j]), s2)
        s3 = V.fma(d, V.splat(w3[j]), s3)
      }
      sums = sums.replacing(lane: lane, with: s0).replacing(lane: lane &+ 1, with: s1)
      sums = sums.replacing(lane: lane &+ 2, with: s2).replacing(lane: lane &+ 3, with: s3)
      lane &+= 4
    }
    store(sums, row, lanes, p)
    row &+= V.width
  }
}

@inline(__always)
private func store<V: Vector>(
  _ sums: V, _ row: Int, _ lanes: Int, _ p: UnsafePointer<DenseRowGradientArguments>
) {
  var value = sums
  if p.pointee.derivativePoint != nil {
    value =
      value
      * V.derivative(
        p.pointee.derivativeFunction, V.load(p.pointee.derivativePoint.of(V.Scalar.self) + row, lanes))
  }
  value.store(p.pointee.dx.of(V.Scalar.self) + row, p.pointee.isPadded != 0 ? V.width : lanes)
}

/// With one unit W is a column, and everything is vectorized along it.
@inline(__always)
private func gradientOfOne<V: Vector>(
  _: V.Type, _ p: UnsafePointer<DenseRowGradientArguments>, _ badWeights: inout V, _ badBias: inout V
) {
  let k = p.pointee.k
  let only = V.load(p.pointee.dy.of(V.Scalar.self), 1)
  let dy = V.splat(only.first)
  let adds = p.pointee.accumulate != 0
  sweep(V.self, 0, k) { i, lanes in
    if p.pointee.dw != nil {
      let dw = p.pointee.dw.of(V.Scalar.self) + i
      var value = V.load(p.pointee.x.of(V.Scalar.self) + i, lanes) * dy
      if adds { value = V.load(dw, lanes) + value }
      badWeights = V.fma(value, V.zero, badWeights)
      value.store(dw)
    }
    if p.pointee.dx != nil { store(dy * V.load(p.pointee.w.of(V.Scalar.self) + i, lanes), i, lanes, p) }
  }
  if p.pointee.db != nil {
    let db = p.pointee.db.of(V.Scalar.self)
    let value = adds ? V.load(db, 1) + only : only
    badBias = V.fma(value, V.zero, badBias)
    value.store(db)
  }
}
