import CShim

/// Which direction of A is contiguous: known at compile time, so that only the other needs a stride.
protocol Layout {
  static var unitRows: Bool { get }
}
/// Packed, or stored transposed: the rows of a tile are adjacent.
enum UnitRows: Layout {
  @inline(__always) static var unitRows: Bool { true }
}
/// Row-major A in place: the steps of k are adjacent.
enum UnitSteps: Layout {
  @inline(__always) static var unitRows: Bool { false }
}

/// One tile's share of C += A·B over one block of k. Passed by address: a copy would be read back in wider
/// pieces than it was just written in, and stall.
struct TileCall<V: Vector> {
  var k: Int
  var a: UnsafePointer<V.Scalar>
  var aStride: Int
  var b: UnsafePointer<V.Scalar>
  var bStride: Int
  /// The lanes of B's last vector that may be read.
  var bLast: Int
  /// The tile's first element in C, and its column.
  var place: Int
  var column: Int
  /// The lanes of C's last vector.
  var last: Int
}

@inline(__always)
private func runTile<R: Rows, L: Layout>(
  _: R.Type, _: L.Type, _ call: UnsafePointer<TileCall<R.S.V>>, _ finish: UnsafePointer<Finish<R.S.V>>,
  ahead: Bool = false
) {
  typealias V = R.S.V
  var rows = R()
  if call.pointee.bLast == V.width {
    accumulate(&rows, L.self, call, V.width, ahead)
  } else {
    accumulate(&rows, L.self, call, call.pointee.bLast, ahead)
  }
  let c = finish.pointee.c + call.pointee.place
  let stride = finish.pointee.stride
  let whole = call.pointee.last == V.width
  if finish.pointee.kind == .store {
    if whole {
      rows.store(c, stride, last: V.width)
    } else {
      rows.store(c, stride, last: call.pointee.last)
    }
  } else if finish.pointee.kind == .add && whole {
    rows.add(c, stride, last: V.width)
    rows.store(c, stride, last: V.width)
  } else {
    // A copy in memory, so that the accumulators themselves stay in registers.
    var spilled = rows
    withUnsafeMutableBytes(of: &spilled) { bytes in
      let sums = bytes.baseAddress.of(V.Scalar.self)
      finish.pointee.apply(
        sums, R.count, R.S.vectors, place: call.pointee.place, column: call.pointee.column,
        last: call.pointee.last)
    }
  }
}

@inline(__always)
private func accumulate<R: Rows, L: Layout>(
  _ rows: inout R, _: L.Type, _ call: UnsafePointer<TileCall<R.S.V>>, _ bLast: Int, _ ahead: Bool
) {
  typealias V = R.S.V
  var a = call.pointee.a
  var b = call.pointee.b
  var k = call.pointee.k
  let aStride = call.pointee.aStride
  let bStride = call.pointee.bStride
  while k > 0 {
    // A tall tile has time to prefetch: it waits for its multiply-adds, not for its loads.
    if ahead || L.unitRows && R.count >= 8 {
      var line = 0
      while line < R.S.vectors &* V.width &* MemoryLayout<V.Scalar>.stride {
        denpa_prefetch(UnsafeRawPointer(b + stepsAhead &* bStride) + line)
        line &+= 64
      }
    }
    let strip = R.S(b, last: bLast)
    rows.step(a, L.unitRows ? 1 : aStride, strip)
    a += L.unitRows ? aStride : 1
    b += bStride
    k &-= 1
  }
}

/// The steps of k by which B is prefetched.
@inline(__always) private var stepsAhead: Int { 8 }

/// Tiles of any height up to `tileHeight`.
enum Tile {
  /// Computes one or two rows with a wide part of B in place, which is read only once: the wider the strip,
  /// the longer the contiguous reads.
  @inline(never)
  static func runWide<V: Vector>(
    _ height: Int, _ call: UnsafePointer<TileCall<V>>, _ finish: UnsafePointer<Finish<V>>
  ) {
    if height == 1 {
      runTile(Rows1<Eight<V>>.self, UnitSteps.self, call, finish, ahead: true)
    } else {
      runTile(Rows2<Four<V>>.self, UnitSteps.self, call, finish, ahead: true)
    }
  }

  /// Computes a tile of a panel that is `lanes` wide (`panelWidth`).
  @inline(__always)
  static func run<V: Vector, L: Layout>(
    _ layout: L.Type, lanes: Int, _ height: Int, _ call: UnsafePointer<TileCall<V>>,
    _ finish: UnsafePointer<Finish<V>>
  ) {
    if lanes == V.width {
      run(Single<V>.self, layout, height, call, finish)
    } else {
      run(Two<V>.self, layout, height, call, finish)
    }
  }

  @inline(never)
  static func run<S: Strip, L: Layout>(
    _: S.Type, _ layout: L.Type, _ height: Int, _ call: UnsafePointer<TileCall<S.V>>,
    _ finish: UnsafePointer<Finish<S.V>>
  ) {
    switch height {
    case 1: runTile(Rows1<S>.self, layout, call, finish)
    case 2: runTile(Rows2<S>.self, layout, call, finish)
    case 3: runTile(Rows3<S>.self, layout, call, finish)
    case 4: runTile(Rows4<S>.self, layout, call, finish)
    case 5: runTile(Rows5<S>.self, layout, call, finish)
    case 6: runTile(Rows6<S>.self, layout, call, finish)
    #if DENPA_AVX512 || arch(arm64)
      case 7: runTile(Rows7<S>.self, layout, call, finish)
      case 8: runTile(Rows8<S>.self, layout, call, finish)
      case 9: runTile(Rows9<S>.self, layout, call, finish)
      case 10: runTile(Rows10<S>.self, layout, call, finish)
      case 11: runTile(Rows11<S>.self, layout, call, finish)
      case 12: runTile(Rows12<S>.self, layout, call, finish)
    #endif
    #if DENPA_AVX512
      case 13: runTile(Rows13<S>.self, layout, call, finish)
      case 14: runTile(Rows14<S>.self, layout, call, finish)
    #endif
    default: break
    }
  }
}
