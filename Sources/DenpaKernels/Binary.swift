import DenpaKernelTypes
import Glibc

/// A `BinaryFunction` as a type, so that each loop is compiled per function without a branch inside.
protocol Combination {
  /// Whether all lanes are one number, because the function is computed for one number at a time.
  static var isScalar: Bool { get }
  static func value<V: Vector>(_ a: V, _ b: V) -> V
  /// Returns ∂f/∂a and ∂f/∂b.
  static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V)
}

extension Combination {
  @inline(__always) static var isScalar: Bool { false }

  /// Whether a line is computed by whole vectors: no operand has gaps along it.
  @inline(__always) fileprivate static func isWide(_ line: PairAxis) -> Bool {
    !isScalar && line.a >= 0 && line.a <= 1 && line.b >= 0 && line.b <= 1
  }
}

enum Sum: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V { a + b }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) { (V.one, V.one) }
}

enum Difference: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V { a - b }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) {
    (V.one, V.zero - V.one)
  }
}

enum Multiple: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V { a * b }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) { (b, a) }
}

enum Quotient: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V { a / b }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) {
    (V.one / b, V.zero - a / b / b)
  }
}

/// Preserves NaN. Equal operands share the gradient.
enum Least: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V {
    V.select(a, equals: a, V.min(a, b), a)
  }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) {
    let half = V.splat(0.5)
    return (
      V.select(b, greaterThan: a, V.one, V.select(a, equals: b, half, V.zero)),
      V.select(a, greaterThan: b, V.one, V.select(a, equals: b, half, V.zero))
    )
  }
}

/// Preserves NaN. Equal operands share the gradient.
enum Greatest: Combination {
  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V {
    V.select(a, equals: a, V.max(a, b), a)
  }
  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) {
    let (less, greater) = Least.derivatives(a, b)
    return (greater, less)
  }
}

/// Calls `body` for each piece of a line among the elements `lower` to `upper`: where it begins in a, b and
/// y, and how many elements it has.
@inline(__always)
private func eachPiece(
  _ axes: UnsafePointer<PairAxis>, _ axisCount: Int, _ lower: Int, _ upper: Int,
  _ body: (_ a: Int, _ b: Int, _ y: Int, _ count: Int) -> Void
) {
  let inner = axes[axisCount &- 1]
  var line = Lines(axes, axisCount, first: lower / inner.extent)
  var start = lower % inner.extent, y = lower
  while y < upper {
    let count = Swift.min(inner.extent &- start, upper &- y)
    body(line.a &+ start &* inner.a, line.b &+ start &* inner.b, y, count)
    y &+= count
    start = 0
    line.next()
  }
}

/// aᵇ by the C library, one number at a time. The derivative with respect to b is 0 where a is 0, and that
/// with respect to a is 0 where b is, as in PyTorch.
enum Power: Combination {
  @inline(__always) static var isScalar: Bool { true }

  @inline(__always) private static func raise<V: Vector>(_ a: V, _ b: V) -> V {
    V.splat(V.scalar(pow(V.double(a.first), V.double(b.first))))
  }

  @inline(__always) static func value<V: Vector>(_ a: V, _ b: V) -> V { raise(a, b) }

  @inline(__always) static func derivatives<V: Vector>(_ a: V, _ b: V) -> (a: V, b: V) {
    let first = V.select(b, equals: V.zero, V.zero, b * raise(a, b - V.one))
    let second = raise(a, b) * V.splat(V.scalar(Glibc.log(V.double(a.first))))
    return (first, V.select(a, equals: V.zero, V.zero, second))
  }
}

/// What is done with a combination that is chosen at run time.
private protocol CombinationUser {
  func use<C: Combination>(_: C.Type)
}

extension CombinationUser {
  /// Calls `use` with the combination of a function, so that the loop in it is compiled for each of them.
  @inline(__always)
  func use(_ function: Int32) {
    switch function {
    case BinaryFunction.subtract.rawValue: use(Difference.self)
    case BinaryFunction.multiply.rawValue: use(Multiple.self)
    case BinaryFunction.divide.rawValue: use(Quotient.self)
    case BinaryFunction.minimum.rawValue: use(Least.self)
    case BinaryFunction.maximum.rawValue: use(Greatest.self)
    case BinaryFunction.power.rawValue: use(Power.self)
    default: use(Sum.self)
    }
  }
}

/// An operand's elements along a line, which go on by 1, by 0 or by more.
@inline(__always)
private func lane<V: Vector>(_: V.Type, _ p: UnsafePointer<V.Scalar>, _ i: Int, _ step: Int, _ n: Int) -> V {
  step == 1 ? V.load(p + i, n) : V.splat(p[i &* step])
}

enum Binary<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: BinaryArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: BinaryArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<BinaryArguments>, _ lower: Int, _ upper: Int) {
    Values(arguments: a, lower: lower, upper: upper).use(a.pointee.function)
  }

  private struct Values: CombinationUser {
    let arguments: UnsafePointer<BinaryArguments>, lower: Int, upper: Int

    @inline(__always) func use<C: Combination>(_: C.Type) {
      let axes = arguments.pointee.axes.unsafelyUnwrapped
      let inner = axes[arguments.pointee.axisCount &- 1]
      let p = arguments.pointee.a.of(V.Scalar.self), q = arguments.pointee.b.of(V.Scalar.self)
      let y = arguments.pointee.y.of(V.Scalar.self)
      let isWide = C.isWide(inner)
      eachPiece(axes, arguments.pointee.axisCount, lower, upper) { a, b, start, count in
        if isWide {
          sweep(V.self, 0, count) { i, n in
            C.value(lane(V.self, p + a, i, inner.a, n), lane(V.self, q + b, i, inner.b, n)).store(
              y + start + i, n)
          }
        } else {
          for i in 0..<count {
            C.value(V.splat(p[a &+ i &* inner.a]), V.splat(q[b &+ i &* inner.b])).store(y + start + i, 1)
          }
        }
      }
    }
  }
}

enum BinaryGradient<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: BinaryGradientArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: BinaryGradientArguments) -> Int { elementChunk }

  @inline(__always) static func run(_ a: UnsafePointer<BinaryGradientArguments>, _ lower: Int, _ upper: Int) {
    Derivatives(arguments: a, lower: lower, upper: upper).use(a.pointee.function)
  }

  private struct Derivatives: CombinationUser {
    let arguments: UnsafePointer<BinaryGradientArguments>, lower: Int, upper: Int

    @inline(__always) func use<C: Combination>(_: C.Type) {
      let axes = arguments.pointee.axes.unsafelyUnwrapped
      let inner = axes[arguments.pointee.axisCount &- 1]
      let p = arguments.pointee.a.of(V.Scalar.self), q = arguments.pointee.b.of(V.Scalar.self)
      let dy = arguments.pointee.dy.of(V.Scalar.self), dx = arguments.pointee.dx.of(V.Scalar.self)
      let adds = arguments.pointee.accumulate != 0, isFirst = arguments.pointee.operand == 0
      let isWide = C.isWide(inner)
      @inline(__always) func write(_ a: V, _ b: V, _ i: Int, _ n: Int) {
        let both = C.derivatives(a, b)
        let gradient = V.load(dy + i, n) * (isFirst ? both.a : both.b)
        (adds ? V.load(dx + i, n) + gradient : gradient).store(dx + i, n)
      }
      eachPiece(axes, arguments.pointee.axisCount, lower, upper) { a, b, start, count in
        if isWide {
          sweep(V.self, 0, count) { i, n in
            write(lane(V.self, p + a, i, inner.a, n), lane(V.self, q + b, i, inner.b, n), start + i, n)
          }
        } else {
          for i in 0..<count {
            write(V.splat(p[a &+ i &* inner.a]), V.splat(q[b &+ i &* inner.b]), start + i, 1)
          }
        }
      }
    }
  }
}
