import DenpaCore
import DenpaGraph
import Glibc

/// Central differences: how a derivative is estimated from values of a function.
public struct Stencil: Sendable {
  /// The error of 2 points, (f(x+h) − f(x−h)) / 2h, is of the order h²; that of 5,
  /// (−f(x+2h) + 8f(x+h) − 8f(x−h) + f(x−2h)) / 12h, of the order h⁴.
  public var points: Int
  /// The step; nil: the one that balances the error of the formula and that of rounding, for each number.
  public var step: Double?

  public init(points: Int, step: Double?) {
    self.points = points
    self.step = step
  }

  /// Offsets in steps, and weights.
  fileprivate var terms: [(offset: Double, weight: Double)] {
    points == 2
      ? [(1, 0.5), (-1, -0.5)] : [(2, -1.0 / 12), (1, 8.0 / 12), (-1, -8.0 / 12), (-2, 1.0 / 12)]
  }

  /// The step that is best for a function whose values and derivatives are about as large as x.
  fileprivate func step(at x: Double, _ dtype: DType) -> Double {
    if let step { return step }
    let rounding = dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    return pow(rounding, points == 2 ? 1.0 / 3 : 1.0 / 5) * max(abs(x), 1)
  }
}

/// Differentiates a function numerically.
public enum NumericalGradient {
  /// Writes the gradient of `function` with respect to `x`, which it reads; each element of `x` is changed and
  /// restored. An error of the function ends the computation with `x` as it was.
  public static func compute(
    of x: TensorView, _ stencil: Stencil, into gradient: UnsafeMutablePointer<Double>,
    _ function: () throws(DenpaError) -> Double
  ) throws(DenpaError) {
    guard let data = x.data else {
      guard x.type.shape.count == 0 else { throw DenpaError(.badArgument, "x has no memory") }
      return
    }
    let isDouble = x.type.dtype == .float64
    func value(_ index: Int) -> Double {
      isDouble
        ? data.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
        : Double(data.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
    }
    func set(_ index: Int, _ value: Double) {
      if isDouble {
        data.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
      } else {
        data.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
      }
    }
    let terms = stencil.terms
    for index in 0..<x.type.shape.count {
      let original = value(index)
      defer { set(index, original) }
      // A step between numbers that x can have, so that what is divided by is what was added.
      set(index, original + stencil.step(at: original, x.type.dtype))
      let step = value(index) - original
      guard step != 0, step.isFinite else {
        throw DenpaError(
          .badArgument,
          "element \(index) is \(original): a step that small does not change it; choose a larger one")
      }
      var sum = 0.0
      for term in terms {
        set(index, original + term.offset * step)
        sum += term.weight * (try function())
      }
      gradient[index] = sum / step
    }
  }
}
