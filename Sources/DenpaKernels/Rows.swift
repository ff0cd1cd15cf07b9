/// The accumulators of a tile: several rows of one strip each.
///
/// Recursive composition makes every height a type, with all accumulators in registers.
protocol Rows {
  associatedtype S: Strip
  typealias V = S.V
  typealias Scalar = S.V.Scalar
  static var count: Int { get }
  /// Creates zeros.
  init()
  /// Adds a[r·stride]·b to each row r.
  mutating func step(_ a: UnsafePointer<Scalar>, _ stride: Int, _ b: S)
  mutating func add(_ c: UnsafePointer<Scalar>, _ stride: Int, last: Int)
  func store(_ c: UnsafeMutablePointer<Scalar>, _ stride: Int, last: Int)
  var total: V { get }
}

struct Row<S: Strip>: Rows {
  var strip: S
  @inline(__always) static var count: Int { 1 }
  @inline(__always) init() { strip = S() }
  @inline(__always) mutating func step(_ a: UnsafePointer<Scalar>, _ stride: Int, _ b: S) {
    strip.add(S.V.splat(a[0]), times: b)
  }
  @inline(__always) mutating func add(_ c: UnsafePointer<Scalar>, _ stride: Int, last: Int) {
    strip.add(c, last: last)
  }
  @inline(__always) func store(_ c: UnsafeMutablePointer<Scalar>, _ stride: Int, last: Int) {
    strip.store(c, last: last)
  }
  @inline(__always) var total: S.V { strip.total }
}

struct Stack<Upper: Rows, Lower: Rows>: Rows where Upper.S == Lower.S {
  typealias S = Upper.S
  var upper: Upper
  var lower: Lower
  @inline(__always) static var count: Int { Upper.count &+ Lower.count }
  @inline(__always) init() {
    upper = Upper()
    lower = Lower()
  }
  @inline(__always) mutating func step(_ a: UnsafePointer<Scalar>, _ stride: Int, _ b: S) {
    upper.step(a, stride, b)
    lower.step(a + Upper.count &* stride, stride, b)
  }
  @inline(__always) mutating func add(_ c: UnsafePointer<Scalar>, _ stride: Int, last: Int) {
    upper.add(c, stride, last: last)
    lower.add(c + Upper.count &* stride, stride, last: last)
  }
  @inline(__always) func store(_ c: UnsafeMutablePointer<Scalar>, _ stride: Int, last: Int) {
    upper.store(c, stride, last: last)
    lower.store(c + Upper.count &* stride, stride, last: last)
  }
  @inline(__always) var total: S.V { upper.total + lower.total }
}

typealias Rows1<S: Strip> = Row<S>
typealias Rows2<S: Strip> = Stack<Rows1<S>, Rows1<S>>
typealias Rows3<S: Strip> = Stack<Rows2<S>, Rows1<S>>
typealias Rows4<S: Strip> = Stack<Rows2<S>, Rows2<S>>
typealias Rows5<S: Strip> = Stack<Rows4<S>, Rows1<S>>
typealias Rows6<S: Strip> = Stack<Rows4<S>, Rows2<S>>
#if DENPA_AVX512 || arch(arm64)
  typealias Rows7<S: Strip> = Stack<Rows4<S>, Rows3<S>>
  typealias Rows8<S: Strip> = Stack<Rows4<S>, Rows4<S>>
  typealias Rows9<S: Strip> = Stack<Rows8<S>, Rows1<S>>
  typealias Rows10<S: Strip> = Stack<Rows8<S>, Rows2<S>>
  typealias Rows11<S: Strip> = Stack<Rows8<S>, Rows3<S>>
  typealias Rows12<S: Strip> = Stack<Rows8<S>, Rows4<S>>
#endif
#if DENPA_AVX512
  typealias Rows13<S: Strip> = Stack<Rows8<S>, Rows5<S>>
  typealias Rows14<S: Strip> = Stack<Rows8<S>, Rows6<S>>
#endif

/// The rows of the tallest tile: with two vectors per row it fills the registers (32 on AVX-512 and arm64,
/// otherwise 16), leaving room for B's two and the broadcast element of A.
@inline(__always) var tileHeight: Int {
  #if DENPA_AVX512
    14
  #elseif arch(arm64)
    12
  #else
    6
  #endif
}
