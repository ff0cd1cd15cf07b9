import DenpaKernelTypes

/// Adds rows to rows of a table; see `AddRowsArguments`. A chunk is a group of columns, so that rows which
/// are added to the same row are added by one thread, in their order.
enum AddRows<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: AddRowsArguments) -> Int { a.columns }

  /// All columns if there is little to add, otherwise as many whole vectors as fill a chunk.
  @inline(__always) static func chunk(_ a: AddRowsArguments) -> Int {
    let lines = a.count &+ (a.accumulate != 0 ? 0 : a.rows)
    if lines &* a.columns <= 4 &* elementChunk { return Swift.max(a.columns, 1) }
    return Swift.max(4, (2 &* elementChunk / lines) / V.width) &* V.width
  }

  @inline(__always) static func run(_ a: UnsafePointer<AddRowsArguments>, _ lower: Int, _ upper: Int) {
    let columns = a.pointee.columns, rows = a.pointee.rows
    let y = a.pointee.y.of(V.Scalar.self)
    if a.pointee.accumulate == 0 {
      for row in 0..<rows {
        sweep(V.self, lower, upper) { i, n in V.zero.store(y + (row &* columns &+ i), n) }
      }
    }
    if a.pointee.count == 0 { return }
    let x = a.pointee.x.of(V.Scalar.self)
    var bad = V.zero
    for line in 0..<a.pointee.count {
      let row = index(a, line)
      if row < 0 || row >= rows { continue }
      sweep(V.self, lower, upper) { i, n in
        let value = V.load(y + (row &* columns &+ i), n) + V.load(x + (line &* columns &+ i), n)
        bad = V.fma(value, V.zero, bad)
        value.store(y + (row &* columns &+ i), n)
      }
    }
    report(bad, a.pointee.flag)
  }

  @inline(__always)
  private static func index(_ a: UnsafePointer<AddRowsArguments>, _ line: Int) -> Int {
    switch a.pointee.indexKind {
    case TargetKind.int32.rawValue: Int(a.pointee.indices.of(Int32.self)[line])
    case TargetKind.uint8.rawValue: Int(a.pointee.indices.of(UInt8.self)[line])
    default: Int(a.pointee.indices.of(Int64.self)[line])
    }
  }
}
