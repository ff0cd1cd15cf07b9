import DenpaCore
import DenpaGraph

/// Arithmetic with vectors of one element for each trained weight, laid out in memory like the parameters.
///
/// Sums are taken in float64 and in a fixed order, so they are the same for any number of threads.
struct TrainedVector {
  /// The trained parameters.
  let spans: [(offset: Int, count: Int)]
  let isDouble: Bool

  init(_ parameters: [Parameter], _ layout: ParameterLayout, _ dtype: DType) {
    spans = parameters.indices.filter { parameters[$0].isTrained }.map {
      (layout.offsets[$0], parameters[$0].type.shape.count)
    }
    isDouble = dtype == .float64
  }

  /// The number of trained weights.
  var count: Int { spans.reduce(0) { $0 + $1.count } }

  func dot(_ x: UnsafeRawPointer, _ y: UnsafeRawPointer) -> Double {
    fold(x, y) { x, y, count in
      // Eight sums, so that an addition does not wait for the one before.
      var sums = SIMD8<Double>.zero
      let whole = count & ~7
      for i in stride(from: 0, to: whole, by: 8) {
        for lane in 0..<8 { sums[lane] += x(i + lane) * y(i + lane) }
      }
      return (whole..<count).reduce(sums.sum()) { $0 + x($1) * y($1) }
    } with: {
      $0 + $1
    }
  }

  func sumOfMagnitudes(_ x: UnsafeRawPointer) -> Double {
    fold(x, x) { x, _, count in
      (0..<count).reduce(0) { $0 + abs(x($1)) }
    } with: {
      $0 + $1
    }
  }

  func largestMagnitude(_ x: UnsafeRawPointer) -> Double {
    fold(x, x) { x, _, count in
      (0..<count).reduce(0) { max($0, abs(x($1))) }
    } with: {
      max($0, $1)
    }
  }

  /// Sets y to factor·x. They may be the same.
  func set(_ y: UnsafeMutableRawPointer, to factor: Double, times x: UnsafeRawPointer) {
    change(y, x) { _, x in factor * x }
  }

  /// Adds factor·x to y.
  func add(_ factor: Double, times x: UnsafeRawPointer, to y: UnsafeMutableRawPointer) {
    change(y, x) { y, x in y + factor * x }
  }

  /// Copies x to `values`, one behind the other, in float64.
  func gather(_ x: UnsafeRawPointer, to values: UnsafeMutablePointer<Double>) {
    var next = values
    for span in spans {
      for i in 0..<span.count {
        next[i] =
          isDouble
          ? x.load(fromByteOffset: span.offset + 8 * i, as: Double.self)
          : Double(x.load(fromByteOffset: span.offset + 4 * i, as: Float.self))
      }
      next += span.count
    }
  }

  /// Adds factor·values, which are one behind the other, to y.
  func add(_ factor: Double, timesEach values: UnsafePointer<Double>, to y: UnsafeMutableRawPointer) {
    var next = values
    for span in spans {
      for i in 0..<span.count {
        if isDouble {
          (y + span.offset).assumingMemoryBound(to: Double.self)[i] += factor * next[i]
        } else {
          let place = (y + span.offset).assumingMemoryBound(to: Float.self) + i
          place.pointee = Float(Double(place.pointee) + factor * next[i])
        }
      }
      next += span.count
    }
  }

  /// Copies x to y, bit by bit.
  func copy(_ x: UnsafeRawPointer, to y: UnsafeMutableRawPointer) {
    let size = isDouble ? 8 : 4
    for span in spans { (y + span.offset).copyMemory(from: x + span.offset, byteCount: span.count * size) }
  }

  /// Calls `body` with each span of two vectors, and combines what it returns.
  @inline(__always)
  private func fold(
    _ x: UnsafeRawPointer, _ y: UnsafeRawPointer,
    _ body: ((Int) -> Double, (Int) -> Double, Int) -> Double, with combine: (Double, Double) -> Double
  ) -> Double {
    var result = 0.0
    for span in spans {
      if isDouble {
        let x = (x + span.offset).assumingMemoryBound(to: Double.self)
        let y = (y + span.offset).assumingMemoryBound(to: Double.self)
        result = combine(result, body({ x[$0] }, { y[$0] }, span.count))
      } else {
        let x = (x + span.offset).assumingMemoryBound(to: Float.self)
        let y = (y + span.offset).assumingMemoryBound(to: Float.self)
        result = combine(result, body({ Double(x[$0]) }, { Double(y[$0]) }, span.count))
      }
    }
    return result
  }

  /// Replaces each y by `value(y, x)`.
  @inline(__always)
  private func change(
    _ y: UnsafeMutableRawPointer, _ x: UnsafeRawPointer, _ value: (Double, Double) -> Double
  ) {
    for span in spans {
      if isDouble {
        let x = (x + span.offset).assumingMemoryBound(to: Double.self)
        let y = (y + span.offset).assumingMemoryBound(to: Double.self)
        for i in 0..<span.count { y[i] = value(y[i], x[i]) }
      } else {
        let x = (x + span.offset).assumingMemoryBound(to: Float.self)
        let y = (y + span.offset).assumingMemoryBound(to: Float.self)
        for i in 0..<span.count { y[i] = Float(value(Double(y[i]), Double(x[i]))) }
      }
    }
  }
}
