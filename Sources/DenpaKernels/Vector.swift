import CShim

/// One vector register of floats, and what the kernels do with it.
///
/// Code generic over the standard library's `SIMD` falls to loops over lanes even when it is specialised;
/// code generic over this protocol does not, because each of the few types that conform says every operation
/// concretely.
protocol Vector {
  associatedtype Scalar
  static var width: Int { get }
  static func splat(_ value: Scalar) -> Self
  /// A constant or hyperparameter, rounded to the element type.
  static func splat(_ value: Double) -> Self

  static func load(_ p: UnsafePointer<Scalar>) -> Self
  /// The first `count` lanes, 0 < count < width; the others are `fill`. Nothing beyond them is read.
  static func load(_ p: UnsafePointer<Scalar>, first count: Int, fill: Self) -> Self
  func store(_ p: UnsafeMutablePointer<Scalar>)
  func store(_ p: UnsafeMutablePointer<Scalar>, first count: Int)

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  /// a·b + c: rounded once where the instruction set can, else twice.
  static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
  /// `b` where one of them is NaN.
  static func max(_ a: Self, _ b: Self) -> Self
  /// `b` where one of them is NaN.
  static func min(_ a: Self, _ b: Self) -> Self
  /// `yes` in the lanes where a > b, `no` in the others and where one of them is NaN.
  static func select(_ a: Self, greaterThan b: Self, _ yes: Self, _ no: Self) -> Self
  static func select(_ a: Self, equals b: Self, _ yes: Self, _ no: Self) -> Self
  /// Lane `lane` of `other`, the rest as it is; all as it is where there is no such lane.
  func replacing(lane: Int, with other: Self) -> Self
  /// Whether a lane is NaN.
  var hasNaN: Bool { get }
  var squareRoot: Self { get }
  var magnitude: Self { get }
  /// Of a value that is not negative.
  func withSign(of other: Self) -> Self

  /// The nearest whole number, for |x| < 2²².
  var rounded: Self { get }
  /// x·2ⁿ for a whole n, rounded once, even where the result is subnormal.
  func scaled(byPowerOfTwo n: Self) -> Self
  /// 2ⁿ for a whole n in the range of normal exponents.
  static func powerOfTwo(_ n: Self) -> Self
  /// ⌊log₂ x⌋ of a positive normal x.
  var exponent: Self { get }
  /// x·2^−exponent, in 1..<2.
  var mantissa: Self { get }

  /// Always added in the same order: halves onto halves.
  var sum: Scalar { get }
  var largest: Scalar { get }
  var first: Scalar { get }
  static func double(_ value: Scalar) -> Double
  static func scalar(_ value: Double) -> Scalar

  /// out[p·outStride + i] = rows[i·stride + p] for a block of at most width × width; the rows from `count` on
  /// are 0.
  static func transpose(
    _ rows: UnsafePointer<Scalar>, _ stride: Int, count: Int, columns: Int,
    _ out: UnsafeMutablePointer<Scalar>, _ outStride: Int, lanes: Int)

  /// sums + the sum of factors[p]·rows[i·stride + p] over p in order, in lane i, for a block as above.
  static func addAcross(
    _ rows: UnsafePointer<Scalar>, _ stride: Int, count: Int, columns: Int, _ factors: UnsafePointer<Scalar>,
    _ sums: Self
  ) -> Self

  /// Constants of exp, log and their kin (Exponential.swift).
  static var ln2High: Self { get }
  static var ln2Low: Self { get }
  static var expLowest: Self { get }
  static var expHighest: Self { get }
  static var leastNormal: Self { get }
  static var greatestFinite: Self { get }
  static var fractionBits: Double { get }
  static func expPolynomial(_ r: Self) -> Self
  static func tanhFraction(_ z: Self) -> (Self, Self)
  static func logPolynomial(_ z: Self) -> Self

  /// Constants of erf and GELU (ErrorFunction.swift). Beyond the two limits the tails are 0.
  static var tailLimit: Self { get }
  static var tanhTailLimit: Self { get }
  /// 2^(half of the digits) + 1.
  static var splitter: Self { get }
  /// 2·√(2/π) and 0.044715 times it, with what their rounding left over.
  static var linear: Self { get }
  static var linearRest: Self { get }
  static var cubic: Self { get }
  static var cubicRest: Self { get }
  static func tailPolynomial(_ v: Self) -> Self
  static func erfPolynomial(_ z: Self) -> Self

  /// Which of the two element types this is: C functions cannot be formed from generic code.
  static var isDouble: Bool { get }
}

extension Vector {
  @inline(__always) static var zero: Self { splat(0.0) }
  @inline(__always) static var one: Self { splat(1.0) }

  /// A full vector where `count` is the width, else part of one.
  @inline(__always) static func load(_ p: UnsafePointer<Scalar>, _ count: Int, fill: Self) -> Self {
    count >= width ? load(p) : load(p, first: count, fill: fill)
  }
  @inline(__always) static func load(_ p: UnsafePointer<Scalar>, _ count: Int) -> Self {
    load(p, count, fill: zero)
  }
  @inline(__always) static func load(_ p: UnsafeMutablePointer<Scalar>, _ count: Int) -> Self {
    load(UnsafePointer(p), count, fill: zero)
  }
  @inline(__always) static func load(_ p: UnsafeMutablePointer<Scalar>) -> Self { load(UnsafePointer(p)) }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Scalar>, _ count: Int) {
    if count >= Self.width { store(p) } else { store(p, first: count) }
  }
}

/// Calls `body` with (index, width) for every full vector of `range`, then with what is left.
@inline(__always)
func sweep<V: Vector>(_: V.Type, _ lower: Int, _ upper: Int, _ body: (_ index: Int, _ lanes: Int) -> Void) {
  var i = lower
  while i &+ V.width <= upper {
    body(i, V.width)
    i &+= V.width
  }
  if i < upper { body(i, upper &- i) }
}
