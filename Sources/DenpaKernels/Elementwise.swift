import DenpaKernelTypes

/// What is done with a curve that is chosen at run time.
private protocol CurveUser {
  func use<C: Curve>(_: C.Type)
}

extension CurveUser {
  /// Calls `use` with the curve of a function, so that the loop in it is compiled for each of them.
  @inline(__always)
  func use(_ function: Int32) {
    switch function {
    case Function.sigmoid.rawValue: use(Sigmoid.self)
    case Function.tanh.rawValue: use(Tanh.self)
    case Function.relu.rawValue: use(Relu.self)
    case Function.exp.rawValue: use(Exponential.self)
    case Function.erf.rawValue: use(Erf.self)
    case Function.gelu.rawValue: use(Gelu.self)
    case Function.geluTanh.rawValue: use(GeluTanh.self)
    case Function.log.rawValue: use(Logarithm.self)
    case Function.squareRoot.rawValue: use(SquareRoot.self)
    case Function.magnitude.rawValue: use(Magnitude.self)
    case Function.square.rawValue: use(Square.self)
    case Function.step.rawValue: use(UnitStep.self)
    case Function.leakyReLU.rawValue: use(LeakyReLU.self)
    case Function.elu.rawValue: use(ELU.self)
    case Function.celu.rawValue: use(CELU.self)
    case Function.selu.rawValue: use(SELU.self)
    case Function.silu.rawValue: use(SiLU.self)
    case Function.mish.rawValue: use(Mish.self)
    case Function.softplus.rawValue: use(Softplus.self)
    case Function.softsign.rawValue: use(Softsign.self)
    case Function.logSigmoid.rawValue: use(LogSigmoid.self)
    case Function.hardSigmoid.rawValue: use(HardSigmoid.self)
    case Function.hardTanh.rawValue: use(HardTanh.self)
    case Function.hardSwish.rawValue: use(HardSwish.self)
    case Function.relu6.rawValue: use(ReLU6.self)
    default: use(Identity.self)
    }
  }
}

enum Map<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: MapArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: MapArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<MapArguments>, _ lower: Int, _ upper: Int) {
    Values(a: a, lower: lower, upper: upper).use(a.pointee.function)
  }

  private struct Values: CurveUser {
    let a: UnsafePointer<MapArguments>, lower: Int, upper: Int

    @inline(__always) func use<C: Curve>(_: C.Type) {
      let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
      let alpha = V.splat(a.pointee.alpha)
      sweep(V.self, lower, upper) { i, n in C.value(V.load(x + i, n), alpha: alpha).store(y + i, n) }
    }
  }
}

enum MapGradient<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: MapGradientArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: MapGradientArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<MapGradientArguments>, _ lower: Int, _ upper: Int) {
    Derivatives(a: a, lower: lower, upper: upper).use(a.pointee.function)
  }

  private struct Derivatives: CurveUser {
    let a: UnsafePointer<MapGradientArguments>, lower: Int, upper: Int

    @inline(__always) func use<C: Curve>(_: C.Type) {
      let y = a.pointee.y.of(V.Scalar.self), dy = a.pointee.dy.of(V.Scalar.self)
      let dx = a.pointee.dx.of(V.Scalar.self), alpha = V.splat(a.pointee.alpha)
      if a.pointee.accumulate != 0 {
        sweep(V.self, lower, upper) { i, n in
          V.fma(V.load(dy + i, n), C.derivative(V.load(y + i, n), alpha: alpha), V.load(dx + i, n)).store(
            dx + i, n)
        }
      } else {
        sweep(V.self, lower, upper) { i, n in
          (V.load(dy + i, n) * C.derivative(V.load(y + i, n), alpha: alpha)).store(dx + i, n)
        }
      }
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
