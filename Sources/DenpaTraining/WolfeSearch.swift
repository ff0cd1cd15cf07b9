import DenpaCore
import DenpaGraph

/// A line search for a length whose loss and slope meet the strong Wolfe conditions: an interval that contains
/// such a length is found first and then narrowed, both by cubic interpolation (Nocedal & Wright, 2006,
/// algorithms 3.5 and 3.6, in PyTorch's form). Where the loss is not finite, the length is halved towards one
/// where it is.
struct WolfeSearch {
  /// A length that was tried.
  struct Point {
    var length: Double
    var loss: Double
    /// The derivative of the loss with respect to the length.
    var slope: Double
  }

  let direction: UnsafeRawPointer
  let start: UnsafeRawPointer
  private let origin: Point
  private let tolerance: Double
  private let limit: Int
  private(set) var evaluations = 0
  private var last: Double?

  // The constants of the two conditions.
  private let decrease = 1e-4, curvature = 0.9

  /// `limit`: the most lengths to try after the first one.
  init(
    direction: UnsafeRawPointer, start: UnsafeRawPointer, loss: Double, slope: Double, tolerance: Double,
    limit: Int
  ) {
    self.direction = direction
    self.start = start
    origin = Point(length: 0, loss: loss, slope: slope)
    self.tolerance = tolerance
    self.limit = limit
  }

  /// Returns the best length found. The weights are there, and so is the gradient.
  mutating func run(_ search: borrowing Search, first: Double) throws(DenpaError) -> Point {
    let found = try bracket(search, first: first)
    let best: Point
    if let other = found.other {
      best = try zoom(search, found.point, other, tried: found.tried)
    } else {
      best = found.point
    }
    // The gradient is that of the last length that was tried.
    if last != best.length { _ = try evaluate(search, best.length, isCounted: false) }
    return best
  }

  private mutating func evaluate(
    _ search: borrowing Search, _ length: Double, isCounted: Bool = true
  ) throws(DenpaError) -> Point {
    search.vector.copy(start, to: search.weights)
    search.vector.add(length, times: direction, to: search.weights)
    let loss = try search.evaluate()
    if isCounted { evaluations += 1 }
    last = length
    let slope = loss.isFinite ? search.vector.dot(search.gradient, direction) : .nan
    return Point(length: length, loss: loss, slope: slope)
  }

  private func decreases(_ point: Point) -> Bool {
    point.loss <= origin.loss + decrease * point.length * origin.slope
  }

  private func isFlat(_ point: Point) -> Bool { abs(point.slope) <= -curvature * origin.slope }

  /// Returns a point that meets both conditions, or the two ends of an interval that contains one.
  private mutating func bracket(
    _ search: borrowing Search, first: Double
  ) throws(DenpaError) -> (point: Point, other: Point?, tried: Int) {
    var former = origin
    var point = try evaluate(search, first)
    var tried = 0
    while tried < limit {
      if !decreases(point) || (tried > 1 && point.loss >= former.loss) { return (former, point, tried) }
      if isFlat(point) { return (point, nil, tried) }
      if point.slope >= 0 { return (former, point, tried) }
      let least = point.length + 0.01 * (point.length - former.length)
      let next = interpolate(former, point, between: least, and: point.length * 10)
      former = point
      point = try evaluate(search, next)
      tried += 1
    }
    return (origin, point, tried)
  }

  /// Narrows an interval. Returns the end with the smaller loss.
  private mutating func zoom(
    _ search: borrowing Search, _ one: Point, _ other: Point, tried: Int
  ) throws(DenpaError) -> Point {
    var (low, high) = one.loss <= other.loss ? (one, other) : (other, one)
    let reach = search.vector.largestMagnitude(direction)
    var isSlow = false
    for _ in tried..<max(tried, limit) {
      if abs(high.length - low.length) * reach < tolerance { break }
      let least = min(low.length, high.length), most = max(low.length, high.length)
      var length = interpolate(low, high, between: least, and: most)
      let margin = 0.1 * (most - least)
      if min(most - length, length - least) < margin {
        // Close to an end. If that happens twice, the length is moved away from it.
        if isSlow || length >= most || length <= least {
          length = abs(length - most) < abs(length - least) ? most - margin : least + margin
          isSlow = false
        } else {
          isSlow = true
        }
      } else {
        isSlow = false
      }
      let point = try evaluate(search, length)
      if !decreases(point) || point.loss >= low.loss {
        high = point
        if high.loss < low.loss { swap(&low, &high) }
        continue
      }
      if isFlat(point) { return point }
      if point.slope * (high.length - low.length) >= 0 { high = low }
      low = point
    }
    return low
  }

  /// Returns the minimum of the cubic through two points, within the bounds; their middle if there is none.
  private func interpolate(_ one: Point, _ other: Point, between least: Double, and most: Double) -> Double {
    let (left, right) = one.length <= other.length ? (one, other) : (other, one)
    let width = right.length - left.length
    guard right.loss.isFinite, left.loss.isFinite else { return (least + most) / 2 }
    let d1 = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.length - right.length)
    let square = d1 * d1 - left.slope * right.slope
    guard square >= 0 else { return (least + most) / 2 }
    let d2 = square.squareRoot()
    let place = right.length - width * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
    return place.isNaN ? (least + most) / 2 : min(max(place, least), most)
  }
}
