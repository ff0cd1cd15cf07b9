/// Adjacent vectors of one row: what a tile keeps in registers for each of its rows, and reads of B in each
/// step.
///
/// Composed recursively, so that any width is a type and stays in registers. `last` is the number of lanes
/// that the last vector uses; if it is the width, known at compile time, no mask remains.
protocol Strip {
  associatedtype V: Vector
  typealias Scalar = V.Scalar
  static var vectors: Int { get }
  /// Creates zeros.
  init()
  init(_ p: UnsafePointer<Scalar>, last: Int)
  /// Adds s·b.
  mutating func add(_ s: V, times b: Self)
  /// Adds the values at p.
  mutating func add(_ p: UnsafePointer<Scalar>, last: Int)
  func store(_ p: UnsafeMutablePointer<Scalar>, last: Int)
  /// The sum of the vectors, lane by lane.
  var total: V { get }
}

struct Single<V: Vector>: Strip {
  var v: V
  @inline(__always) static var vectors: Int { 1 }
  @inline(__always) init() { v = V.zero }
  @inline(__always) init(_ p: UnsafePointer<V.Scalar>, last: Int) { v = V.load(p, last) }
  @inline(__always) mutating func add(_ s: V, times b: Self) { v = V.fma(s, b.v, v) }
  @inline(__always) mutating func add(_ p: UnsafePointer<V.Scalar>, last: Int) { v = V.load(p, last) + v }
  @inline(__always) func store(_ p: UnsafeMutablePointer<V.Scalar>, last: Int) { v.store(p, last) }
  @inline(__always) var total: V { v }
}

struct Pair<Left: Strip, Right: Strip>: Strip where Left.V == Right.V {
  typealias V = Left.V
  var left: Left
  var right: Right
  @inline(__always) private static var offset: Int { Left.vectors &* V.width }
  @inline(__always) static var vectors: Int { Left.vectors &+ Right.vectors }
  @inline(__always) init() {
    left = Left()
    right = Right()
  }
  @inline(__always) init(_ p: UnsafePointer<V.Scalar>, last: Int) {
    left = Left(p, last: V.width)
    right = Right(p + Self.offset, last: last)
  }
  @inline(__always) mutating func add(_ s: V, times b: Self) {
    left.add(s, times: b.left)
    right.add(s, times: b.right)
  }
  @inline(__always) mutating func add(_ p: UnsafePointer<V.Scalar>, last: Int) {
    left.add(p, last: V.width)
    right.add(p + Self.offset, last: last)
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<V.Scalar>, last: Int) {
    left.store(p, last: V.width)
    right.store(p + Self.offset, last: last)
  }
  @inline(__always) var total: V { left.total + right.total }
}

typealias Two<V: Vector> = Pair<Single<V>, Single<V>>
typealias Four<V: Vector> = Pair<Two<V>, Two<V>>
typealias Eight<V: Vector> = Pair<Four<V>, Four<V>>
