import CShim

#if DENPA_AVX512
  typealias DoublesLanes = SIMD8<Double>
#elseif DENPA_AVX2
  typealias DoublesLanes = SIMD4<Double>
#else
  typealias DoublesLanes = SIMD2<Double>
#endif

/// A register of Doubles.
struct Doubles: Vector {
  typealias Scalar = Double
  var lanes: DoublesLanes
  @inline(__always) init(_ lanes: DoublesLanes) { self.lanes = lanes }

  @inline(__always) static var width: Int { DoublesLanes.scalarCount }
  @inline(__always) static func splat(_ value: Double) -> Self { Self(DoublesLanes(repeating: value)) }

  @inline(__always) static func load(_ p: UnsafePointer<Double>) -> Self {
    Self(UnsafeRawPointer(p).loadUnaligned(as: DoublesLanes.self))
  }
  @inline(__always) static func load(_ p: UnsafePointer<Double>, first count: Int, fill: Self) -> Self {
    Self(denpa_f64_load(p, count, fill.lanes))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(p).storeBytes(of: lanes, as: DoublesLanes.self)
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Double>, first count: Int) {
    denpa_f64_store(p, count, lanes)
  }

  @inline(__always) static func + (a: Self, b: Self) -> Self { Self(a.lanes + b.lanes) }
  @inline(__always) static func - (a: Self, b: Self) -> Self { Self(a.lanes - b.lanes) }
  @inline(__always) static func * (a: Self, b: Self) -> Self { Self(a.lanes * b.lanes) }
  @inline(__always) static func / (a: Self, b: Self) -> Self { Self(a.lanes / b.lanes) }
  @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    Self(denpa_f64_fma(a.lanes, b.lanes, c.lanes))
  }
  @inline(__always) static func max(_ a: Self, _ b: Self) -> Self { Self(denpa_f64_max(a.lanes, b.lanes)) }
  @inline(__always) static func min(_ a: Self, _ b: Self) -> Self { Self(denpa_f64_min(a.lanes, b.lanes)) }
  @inline(__always) static func select(_ a: Self, greaterThan b: Self, _ yes: Self, _ no: Self) -> Self {
    Self(denpa_f64_greater(a.lanes, b.lanes, yes.lanes, no.lanes))
  }
  @inline(__always) static func select(_ a: Self, equals b: Self, _ yes: Self, _ no: Self) -> Self {
    Self(denpa_f64_equal(a.lanes, b.lanes, yes.lanes, no.lanes))
  }
  @inline(__always) func replacing(lane: Int, with other: Self) -> Self {
    Self(denpa_f64_replace(lanes, lane, other.lanes))
  }
  @inline(__always) var hasNaN: Bool { denpa_f64_has_nan(lanes) }
  @inline(__always) var squareRoot: Self { Self(denpa_f64_sqrt(lanes)) }
  @inline(__always) var magnitude: Self { Self(denpa_f64_abs(lanes)) }
  @inline(__always) func withSign(of other: Self) -> Self { Self(denpa_f64_copysign(lanes, other.lanes)) }

  @inline(__always) var rounded: Self { Self(denpa_f64_rounded(lanes)) }
  @inline(__always) func scaled(byPowerOfTwo n: Self) -> Self { Self(denpa_f64_scale(lanes, n.lanes)) }
  @inline(__always) static func powerOfTwo(_ n: Self) -> Self { Self(denpa_f64_pow2(n.lanes)) }
  @inline(__always) var exponent: Self { Self(denpa_f64_exponent(lanes)) }
  @inline(__always) var mantissa: Self { Self(denpa_f64_mantissa(lanes)) }

  @inline(__always) var sum: Double { denpa_f64_sum(lanes) }
  @inline(__always) var largest: Double { denpa_f64_largest(lanes) }
  @inline(__always) var first: Double { lanes[0] }
  @inline(__always) static func double(_ value: Double) -> Double { Double(value) }
  @inline(__always) static func scalar(_ value: Double) -> Double { Double(value) }

  @inline(__always) static func addAcross(
    _ rows: UnsafePointer<Double>, _ stride: Int, count: Int, columns: Int, _ factors: UnsafePointer<Double>,
    _ sums: Self
  ) -> Self {
    Self(denpa_f64_add_across(rows, stride, count, columns, factors, sums.lanes))
  }
  @inline(__always) static func transpose(
    _ rows: UnsafePointer<Double>, _ stride: Int, count: Int, columns: Int,
    _ out: UnsafeMutablePointer<Double>, _ outStride: Int, lanes: Int
  ) {
    denpa_f64_transpose(rows, stride, count, columns, out, outStride, lanes)
  }
  @inline(__always) static var isDouble: Bool { true }
}
