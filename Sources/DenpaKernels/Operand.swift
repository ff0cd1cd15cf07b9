import DenpaKernelTypes

/// A factor of a product: where it is and how it is stored. A line is a row of A or a column of B; along the
/// steps the product is summed.
struct Operand<V: Vector> {
  var base: UnsafePointer<V.Scalar>
  /// Whether the steps of a line are adjacent; otherwise the lines of a step are.
  var unitSteps: Bool
  /// The elements from one line to the next if steps are adjacent, otherwise from one step to the next.
  var stride: Int
  /// If not nil, these loops walk over it instead, and it is always packed.
  var loops: UnsafePointer<OperandLoops>?

  @inline(__always)
  func at(line: Int, step: Int) -> UnsafePointer<V.Scalar> {
    base + (unitSteps ? line &* stride &+ step : step &* stride &+ line)
  }

  /// Writes `count` lines and `k` steps, lines side by side: out[p·outStride + i]. Up to `lanes` lines are
  /// written; those from `count` on are 0.
  @inline(never)
  func pack(
    line: Int, count: Int, step: Int, k: Int, _ out: UnsafeMutablePointer<V.Scalar>, _ outStride: Int,
    lanes: Int
  ) {
    if let loops {
      packLoops(loops.pointee, line, count, step, k, out, (1, outStride))
      if count < lanes {
        for p in 0..<k {
          sweep(V.self, count, lanes) { i, n in V.zero.store(out + (p &* outStride &+ i), n) }
        }
      }
    } else if unitSteps {
      packAcross(V.self, at(line: line, step: step), stride, count: count, k: k, out, outStride, lanes: lanes)
    } else {
      packAlong(V.self, at(line: line, step: step), stride, count: count, k: k, out, outStride, lanes: lanes)
    }
  }

  /// Writes `count` lines of `k` adjacent steps of an operand that loops walk over, one after the other.
  @inline(__always)
  func packLines(
    _ loops: OperandLoops, _ line: Int, _ count: Int, _ step: Int, _ k: Int,
    _ out: UnsafeMutablePointer<V.Scalar>
  ) {
    packLoops(loops, line, count, step, k, out, (k, 1))
  }

  /// Writes out[p·strides.step + i·strides.line], piece by piece, each along the innermost loops. One of the
  /// strides is 1.
  @inline(never)
  private func packLoops(
    _ loops: OperandLoops, _ line: Int, _ count: Int, _ step: Int, _ k: Int,
    _ out: UnsafeMutablePointer<V.Scalar>, _ strides: (line: Int, step: Int)
  ) {
    var i = 0
    while i < count {
      let lines = Piece(loops.lines, loops.lineLoops, at: line &+ i)
      let width = Swift.min(lines.length, count &- i)
      var p = 0
      while p < k {
        let steps = Piece(loops.steps, loops.stepLoops, at: step &+ p)
        let length = Swift.min(steps.length, k &- p)
        let from = base + (lines.offset &+ steps.offset)
        let to = out + (p &* strides.step &+ i &* strides.line)
        if steps.stride == 1 && strides.step == 1 {
          packAlong(V.self, from, lines.stride, count: length, k: width, to, strides.line, lanes: length)
        } else if lines.stride == 1 && strides.line == 1 {
          packAlong(V.self, from, steps.stride, count: width, k: length, to, strides.step, lanes: width)
        } else if steps.stride == 1 && strides.line == 1 {
          packAcross(V.self, from, lines.stride, count: width, k: length, to, strides.step, lanes: width)
        } else {
          for q in 0..<length {
            for j in 0..<width {
              to[q &* strides.step &+ j &* strides.line] = from[q &* steps.stride &+ j &* lines.stride]
            }
          }
        }
        p &+= length
      }
      i &+= width
    }
  }
}

extension OperandLoops {
  /// Whether the steps are adjacent, `count` of them or more at a time.
  @inline(__always)
  func hasUnitSteps(_ count: Int) -> Bool {
    let inner = steps[stepLoops &- 1]
    return inner.stride == 1 && inner.extent >= count
  }
}

/// What is left of the innermost of some loops at a position.
private struct Piece {
  var offset: Int
  var stride: Int
  var length: Int

  @inline(__always)
  init(_ loops: UnsafePointer<SingleAxis>, _ count: Int, at index: Int) {
    let inner = loops[count &- 1]
    var rest = index / inner.extent
    let place = index &- rest &* inner.extent
    offset = place &* inner.stride
    stride = inner.stride
    length = inner.extent &- place
    var axis = count &- 2
    while axis >= 0 {
      let outer = axis == 0 ? 0 : rest / loops[axis].extent
      offset &+= (rest &- outer &* loops[axis].extent) &* loops[axis].stride
      rest = outer
      axis &-= 1
    }
  }
}
