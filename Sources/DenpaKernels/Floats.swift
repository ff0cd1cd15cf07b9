import CShim

#if DENPA_AVX512
  typealias FloatsLanes = SIMD16<Float>
#elseif DENPA_AVX2
  typealias FloatsLanes = SIMD8<Float>
#else
  typealias FloatsLanes = SIMD4<Float>
#endif

/// A register of Floats.
struct Floats: Vector {
  typealias Scalar = Float
  var lanes: FloatsLanes
  @inline(__always) init(_ lanes: FloatsLanes) { self.lanes = lanes }

  @inline(__always) static var width: Int { FloatsLanes.scalarCount }
  @inline(__always) static func splat(_ value: Float) -> Self { Self(FloatsLanes(repeating: value)) }
  @inline(__always) static func splat(_ value: Double) -> Self { splat(Float(value)) }

  @inline(__always) static func load(_ p: UnsafePointer<Float>) -> Self {
    Self(UnsafeRawPointer(p).loadUnaligned(as: FloatsLanes.self))
  }
  @inline(__always) static func load(_ p: UnsafePointer<Float>, first count: Int, fill: Self) -> Self {
    Self(denpa_f32_load(p, count, fill.lanes))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: lanes, as: FloatsLanes.self)
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, first count: Int) {
    denpa_f32_store(p, count, lanes)
  }

  @inline(__always) static func + (a: Self, b: Self) -> Self { Self(a.lanes + b.lanes) }
  @inline(__always) static func - (a: Self, b: Self) -> Self { Self(a.lanes - b.lanes) }
  @inline(__always) static func * (a: Self, b: Self) -> Self { Self(a.lanes * b.lanes) }
  @inline(__always) static func / (a: Self, b: Self) -> Self { Self(a.lanes / b.lanes) }
  @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
    Self(denpa_f32_fma(a.lanes, b.lanes, c.lanes))
  }
  @inline(__always) static func max(_ a: Self, _ b: Self) -> Self { Self(denpa_f32_max(a.lanes, b.lanes)) }
  @inline(__always) static func min(_ a: Self, _ b: Self) -> Self { Self(denpa_f32_min(a.lanes, b.lanes)) }
  @inline(__always) static func select(_ a: Self, greaterThan b: Self, _ yes: Self, _ no: Self) -> Self {
    Self(denpa_f32_greater(a.lanes, b.lanes, yes.lanes, no.lanes))
  }
  @inline(__always) static func select(_ a: Self, equals b: Self, _ yes: Self, _ no: Self) -> Self {
    Self(denpa_f32_equal(a.lanes, b.lanes, yes.lanes, no.lanes))
  }
  @inline(__always) func replacing(lane: Int, with other: Self) -> Self {
    Self(denpa_f32_replace(lanes, lane, other.lanes))
  }
  @inline(__always) var hasNaN: Bool { denpa_f32_has_nan(lanes) }
  @inline(__always) var squareRoot: Self { Self(denpa_f32_sqrt(lanes)) }
  @inline(__always) var magnitude: Self { Self(denpa_f32_abs(lanes)) }
  @inline(__always) func withSign(of other: Self) -> Self { Self(denpa_f32_copysign(lanes, other.lanes)) }

  @inline(__always) var rounded: Self { Self(denpa_f32_rounded(lanes)) }
  @inline(__always) func scaled(byPowerOfTwo n: Self) -> Self { Self(denpa_f32_scale(lanes, n.lanes)) }
  @inline(__always) static func powerOfTwo(_ n: Self) -> Self { Self(denpa_f32_pow2(n.lanes)) }
  @inline(__always) var exponent: Self { Self(denpa_f32_exponent(lanes)) }
  @inline(__always) var mantissa: Self { Self(denpa_f32_mantissa(lanes)) }

  @inline(__always) var sum: Float { denpa_f32_sum(lanes) }
  @inline(__always) var largest: Float { denpa_f32_largest(lanes) }
  @inline(__always) var first: Float { lanes[0] }
  @inline(__always) static func double(_ value: Float) -> Double { Double(value) }
  @inline(__always) static func scalar(_ value: Double) -> Float { Float(value) }

  @inline(__always) static func addAcross(
    _ rows: UnsafePointer<Float>, _ stride: Int, count: Int, columns: Int, _ factors: UnsafePointer<Float>,
    _ sums: Self
  ) -> Self {
    Self(denpa_f32_add_across(rows, stride, count, columns, factors, sums.lanes))
  }
  @inline(__always) static func transpose(
    _ rows: UnsafePointer<Float>, _ stride: Int, count: Int, columns: Int,
    _ out: UnsafeMutablePointer<Float>, _ outStride: Int, lanes: Int
  ) {
    denpa_f32_transpose(rows, stride, count, columns, out, outStride, lanes)
  }
  @inline(__always) static var isDouble: Bool { false }
}
