import CShim

/// One vector register of floats and the operations that the kernels need.
///
/// Code generic over the standard library's `SIMD` degrades to loops over lanes even when specialized; code
/// generic over this protocol does not, because each of the few conforming types implements every operation
/// concretely.
protocol Vector {
  associatedtype Scalar
  static var width: Int { get }
  static func splat(_ value: Scalar) -> Self
  /// Returns a constant or hyperparameter, rounded to the element type, in all lanes.
  static func splat(_ value: Double) -> Self

  static func load(_ p: UnsafePointer<Scalar>) -> Self
  /// Loads the first `count` lanes, 0 < count < width; the others are `fill`. Reads nothing beyond them.
  static func load(_ p: UnsafePointer<Scalar>, first count: Int, fill: Self) -> Self
  func store(_ p: UnsafeMutablePointer<Scalar>)
  func store(_ p: UnsafeMutablePointer<Scalar>, first count: Int)

  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  /// Returns a·b + c, rounded once if the instruction set can, otherwise twice.
  static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
  /// Returns `b` if either is NaN.
  static func max(_ a: Self, _ b: Self) -> Self
  /// Returns `b` if either is NaN.
  static func min(_ a: Self, _ b: Self) -> Self
  /// Returns `yes` in the lanes with a > b, `no` in the others, including those with a NaN.
  static func select(_ a: Self, greaterThan b: Self, _ yes: Self, _ no: Self) -> Self
  static func select(_ a: Self, equals b: Self, _ yes: Self, _ no: Self) -> Self
  /// Returns this vector with lane `lane` taken from `other`; unchanged if there is no such lane.
  func replacing(lane: Int, with other: Self) -> Self
  /// Whether any lane is NaN.
  var hasNaN: Bool { get }
  var squareRoot: Self { get }
  var magnitude: Self { get }
  /// Requires a non-negative value.
  func withSign(of other: Self) -> Self

  /// The nearest integer, for |x| < 2²².
  var rounded: Self { get }
  /// Returns x·2ⁿ for an integer n, rounded once, even if the result is subnormal.
  func scaled(byPowerOfTwo n: Self) -> Self
  /// Returns 2ⁿ for an integer n in the range of normal exponents.
  static func powerOfTwo(_ n: Self) -> Self
  /// ⌊log₂ x⌋ of a positive normal x.
  var exponent: Self { get }
  /// x·2^−exponent, in 1..<2.
  var mantissa: Self { get }

  /// Always summed in the same order: halves onto halves.
  var sum: Scalar { get }
  var largest: Scalar { get }
  var first: Scalar { get }
  static func double(_ value: Scalar) -> Double
  static func scalar(_ value: Double) -> Scalar

  /// Writes out[p·outStride + i] = rows[i·stride + p] for a block of at most width × width; the rows from
  /// `count` on are 0.
  static func transpose(
    _ rows: UnsafePointer<Scalar>, _ stride: Int, count: Int, columns: Int,
    _ out: UnsafeMutablePointer<Scalar>, _ outStride: Int, lanes: Int)

  /// Returns, in lane i, sums + Σ factors[p]·rows[i·stride + p] over p in order, for a block as above.
  static func addAcross(
    _ rows: UnsafePointer<Scalar>, _ stride: Int, count: Int, columns: Int, _ factors: UnsafePointer<Scalar>,
    _ sums: Self
  ) -> Self

  /// Constants of exp, log and related functions (Exponential.swift).
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
  /// 2·√(2/π) and 0.044715 times it, each with its rounding error.
  static var linear: Self { get }
  static var linearRest: Self { get }
  static var cubic: Self { get }
  static var cubicRest: Self { get }
  static func tailPolynomial(_ v: Self) -> Self
  static func erfPolynomial(_ z: Self) -> Self

  /// Whether the element type is Double: C functions cannot be formed in generic code.
  static var isDouble: Bool { get }
}

extension Vector {
  @inline(__always) static var zero: Self { splat(0.0) }
  @inline(__always) static var one: Self { splat(1.0) }

  /// Loads a full vector if `count` is at least the width, otherwise part of one.
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

/// Calls `body` with (index, width) for every full vector from `lower` to `upper`, then with the remainder.
@inline(__always)
func sweep<V: Vector>(_: V.Type, _ lower: Int, _ upper: Int, _ body: (_ index: Int, _ lanes: Int) -> Void) {
  var i = lower
  while i &+ V.width <= upper {
    body(i, V.width)
    i &+= V.width
  }
  if i < upper { body(i, upper &- i) }
}
