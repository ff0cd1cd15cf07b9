import DenpaKernelTypes

/// How the sums of a tile are stored in C.
enum FinishKind: Int32 {
  /// C = sums.
  case store
  /// C += sums.
  case add
  /// Anything else, by `Finish.apply`.
  case all
}

/// C = f(sums + bias)·g'(derivativePoint), or C += …; with several blocks of k, the first only gather.
struct Finish<V: Vector> {
  var kind = FinishKind.store
  /// Whether C holds the sums of earlier blocks.
  var gathered = false
  var accumulate = false
  var function: Int32 = 0
  var derivativeFunction: Int32 = 0
  /// Whether there is one value for all columns (a product with one column, written as a row).
  var oneBias = false
  var bias: UnsafePointer<V.Scalar>?
  var derivativePoint: UnsafePointer<V.Scalar>?
  var c: UnsafeMutablePointer<V.Scalar>
  /// The elements from one row of C to the next.
  var stride: Int
  var flag: Flag?

  /// `first` and `last` say whether the block of k is the first or the last one.
  @inline(__always)
  init(_ p: UnsafePointer<ProductArguments>, stride: Int, first: Bool, last: Bool) {
    c = p.pointee.c.of(V.Scalar.self)
    self.stride = stride
    accumulate = p.pointee.accumulate != 0
    gathered = !first && !accumulate
    if last {
      function = p.pointee.function
      flag = p.pointee.flag
      if p.pointee.bias != nil { bias = p.pointee.bias.of(V.Scalar.self) }
    }
    if last || accumulate, p.pointee.derivativePoint != nil {
      derivativePoint = p.pointee.derivativePoint.of(V.Scalar.self)
      derivativeFunction = p.pointee.derivativeFunction
    }
    if function != 0 || flag != nil || bias != nil || derivativePoint != nil {
      kind = .all
    } else {
      kind = gathered || accumulate ? .add : .store
    }
  }

  /// Finishes `rows` rows of `vectors` vectors of sums, the last of them with `last` lanes, into C from
  /// element `place` on, which is in column `column`.
  @inline(__always)
  func apply(
    _ sums: UnsafePointer<V.Scalar>, _ rows: Int, _ vectors: Int, place: Int, column: Int, last: Int
  ) {
    if function == 0 && derivativePoint == nil {
      applyPlain(sums, rows, vectors, place: place, column: column, last: last)
    } else if Function.isShort(function) && Function.isShort(derivativeFunction) {
      applyCurves(sums, rows, vectors, place: place, column: column, last: last)
    } else {
      applyAnyCurves(sums, rows, vectors, place: place, column: column, last: last)
    }
  }

  // Three functions, because one with curves first loads their constants, two dozen for the short ones and a
  // hundred for all: in a network of a few units that would cost more than the product.

  private enum Curves { case none, short, all }

  @inline(never)
  private func applyPlain(
    _ sums: UnsafePointer<V.Scalar>, _ rows: Int, _ vectors: Int, place: Int, column: Int, last: Int
  ) { finish(sums, rows, vectors, place: place, column: column, last: last, .none) }

  @inline(never)
  private func applyCurves(
    _ sums: UnsafePointer<V.Scalar>, _ rows: Int, _ vectors: Int, place: Int, column: Int, last: Int
  ) { finish(sums, rows, vectors, place: place, column: column, last: last, .short) }

  @inline(never)
  private func applyAnyCurves(
    _ sums: UnsafePointer<V.Scalar>, _ rows: Int, _ vectors: Int, place: Int, column: Int, last: Int
  ) { finish(sums, rows, vectors, place: place, column: column, last: last, .all) }

  @inline(__always)
  private func finish(
    _ sums: UnsafePointer<V.Scalar>, _ rows: Int, _ vectors: Int, place: Int, column: Int, last: Int,
    _ curves: Curves
  ) {
    var bad = V.zero
    for row in 0..<rows {
      for vector in 0..<vectors {
        let lanes = vector == vectors &- 1 ? last : V.width
        let offset = place &+ row &* stride &+ vector &* V.width
        let p = c + offset
        var value = V.load(sums + (row &* vectors &+ vector) &* V.width)
        if gathered { value = V.load(p, lanes) + value }
        if let bias {
          value = value + (oneBias ? V.splat(bias[0]) : V.load(bias + (column &+ vector &* V.width), lanes))
        }
        switch curves {
        case .none: break
        case .short:
          value = V.value(function, value)
          if let derivativePoint {
            value = value * V.derivative(derivativeFunction, V.load(derivativePoint + offset, lanes))
          }
        case .all:
          value = V.anyValue(function, value)
          if let derivativePoint {
            value = value * V.anyDerivative(derivativeFunction, V.load(derivativePoint + offset, lanes))
          }
        }
        if accumulate { value = V.load(p, lanes) + value }
        bad = V.fma(value, V.zero, bad)
        value.store(p, lanes)
      }
    }
    report(bad, flag)
  }
}
