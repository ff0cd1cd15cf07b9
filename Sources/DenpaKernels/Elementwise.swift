import DenpaKernelTypes

enum Map<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: MapArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: MapArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<MapArguments>, _ lower: Int, _ upper: Int) {
    switch a.pointee.function {
    case Function.sigmoid.rawValue: apply(Sigmoid.self, a, lower, upper)
    case Function.tanh.rawValue: apply(Tanh.self, a, lower, upper)
    case Function.relu.rawValue: apply(Relu.self, a, lower, upper)
    case Function.exp.rawValue: apply(Exponential.self, a, lower, upper)
    case Function.erf.rawValue: apply(Erf.self, a, lower, upper)
    case Function.gelu.rawValue: apply(Gelu.self, a, lower, upper)
    case Function.geluTanh.rawValue: apply(GeluTanh.self, a, lower, upper)
    case Function.log.rawValue: apply(Logarithm.self, a, lower, upper)
    case Function.squareRoot.rawValue: apply(SquareRoot.self, a, lower, upper)
    case Function.magnitude.rawValue: apply(Magnitude.self, a, lower, upper)
    case Function.square.rawValue: apply(Square.self, a, lower, upper)
    default: apply(Identity.self, a, lower, upper)
    }
  }

  @inline(__always)
  private static func apply<C: Curve>(_: C.Type, _ a: UnsafePointer<MapArguments>, _ lower: Int, _ upper: Int)
  {
    let x = a.pointee.x.of(V.Scalar.self)
    let y = a.pointee.y.of(V.Scalar.self)
    sweep(V.self, lower, upper) { i, n in C.value(V.load(x + i, n)).store(y + i, n) }
  }
}

enum MapGradient<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: MapGradientArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: MapGradientArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<MapGradientArguments>, _ lower: Int, _ upper: Int) {
    switch a.pointee.function {
    case Function.sigmoid.rawValue: apply(Sigmoid.self, a, lower, upper)
    case Function.tanh.rawValue: apply(Tanh.self, a, lower, upper)
    case Function.relu.rawValue: apply(Relu.self, a, lower, upper)
    case Function.exp.rawValue: apply(Exponential.self, a, lower, upper)
    case Function.erf.rawValue: apply(Erf.self, a, lower, upper)
    case Function.gelu.rawValue: apply(Gelu.self, a, lower, upper)
    case Function.geluTanh.rawValue: apply(GeluTanh.self, a, lower, upper)
    case Function.log.rawValue: apply(Logarithm.self, a, lower, upper)
    case Function.squareRoot.rawValue: apply(SquareRoot.self, a, lower, upper)
    case Function.magnitude.rawValue: apply(Magnitude.self, a, lower, upper)
    case Function.square.rawValue: apply(Square.self, a, lower, upper)
    default: apply(Identity.self, a, lower, upper)
    }
  }

  @inline(__always)
  private static func apply<C: Curve>(
    _: C.Type, _ a: UnsafePointer<MapGradientArguments>, _ lower: Int, _ upper: Int
  ) {
    let y = a.pointee.y.of(V.Scalar.self)
    let dy = a.pointee.dy.of(V.Scalar.self)
    let dx = a.pointee.dx.of(V.Scalar.self)
    if a.pointee.accumulate != 0 {
      sweep(V.self, lower, upper) { i, n in
        V.fma(V.load(dy + i, n), C.slope(V.load(y + i, n)), V.load(dx + i, n)).store(dx + i, n)
      }
    } else {
      sweep(V.self, lower, upper) { i, n in (V.load(dy + i, n) * C.slope(V.load(y + i, n))).store(dx + i, n) }
    }
  }
}

enum Scale<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: ScaleArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: ScaleArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<ScaleArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x.of(V.Scalar.self)
    let y = a.pointee.y.of(V.Scalar.self)
    let scale = V.splat(a.pointee.scale)
    var bad = V.zero
    if a.pointee.accumulate != 0 {
      sweep(V.self, lower, upper) { i, n in
        let value = V.fma(V.load(x + i, n), scale, V.load(y + i, n))
        bad = V.fma(value, V.zero, bad)
        value.store(y + i, n)
      }
    } else {
      sweep(V.self, lower, upper) { i, n in
        let value = V.load(x + i, n) * scale
        bad = V.fma(value, V.zero, bad)
        value.store(y + i, n)
      }
    }
    report(bad, a.pointee.flag)
  }
}

enum Finite<V: Vector>: RangeKernel {
  @inline(__always) static func items(_ a: FiniteArguments) -> Int { a.flag == nil ? 0 : a.count }
  @inline(__always) static func chunk(_ a: FiniteArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<FiniteArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x.of(V.Scalar.self)
    var bad = V.zero
    sweep(V.self, lower, upper) { i, n in bad = V.fma(V.load(x + i, n), V.zero, bad) }
    report(bad, a.pointee.flag)
  }
}
