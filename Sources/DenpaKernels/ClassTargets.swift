import DenpaKernelTypes

/// Smoothed and weighted rows of targets; see `ClassTargetsArguments`.
enum ClassTargets<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: ClassTargetsArguments) -> Int { a.columns > 0 ? a.rows : 0 }
  @inline(__always) static func chunk(_ a: ClassTargetsArguments) -> Int { rowChunk(a.rows, a.columns) }

  /// The whole kernel: all class indices are checked, and those that count are counted, before anything is
  /// written.
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    var own = arguments.assumingMemoryBound(to: ClassTargetsArguments.self).pointee
    own.factor = 1
    guard own.targetKind != TargetKind.rows.rawValue, own.rows > 0 else {
      return divide(ClassTargets<V>.self, &own, run, body)
    }
    let target = own.target.unsafelyUnwrapped
    var counted = 0
    for row in 0..<own.rows {
      let number = classNumber(target, own.targetKind, row)
      if isIgnored(own, number) { continue }
      if number < 0 || number >= own.columns {
        if let badRow = own.badRow { badRow.pointee = Int64(row) }
        return 1
      }
      counted &+= 1
    }
    if own.isMean != 0 { own.factor = Double(own.rows) / Double(Swift.max(counted, 1)) }
    return divide(ClassTargets<V>.self, &own, run, body)
  }

  @inline(__always)
  private static func isIgnored(_ a: ClassTargetsArguments, _ number: Int) -> Bool {
    for index in 0..<a.ignoredCount where a.ignored.unsafelyUnwrapped[index] == Int64(number) { return true }
    return false
  }

  @inline(__always)
  static func run(_ a: UnsafePointer<ClassTargetsArguments>, _ lower: Int, _ upper: Int) {
    let columns = a.pointee.columns
    let target = a.pointee.target.unsafelyUnwrapped
    let kept = (1 - a.pointee.smoothing) * a.pointee.factor
    let spread = a.pointee.smoothing / Double(columns) * a.pointee.factor
    for row in lower..<upper {
      let y = a.pointee.y.of(V.Scalar.self) + row &* columns
      if a.pointee.targetKind == TargetKind.rows.rawValue {
        let t = target.assumingMemoryBound(to: V.Scalar.self) + row &* columns
        for column in 0..<columns {
          y[column] = V.scalar(weight(a, column) * (kept * V.double(t[column]) + spread))
        }
        continue
      }
      let number = classNumber(target, a.pointee.targetKind, row)
      let isIgnored = isIgnored(a.pointee, number)
      for column in 0..<columns {
        let share = column == number ? kept + spread : spread
        y[column] = isIgnored ? V.scalar(0.0) : V.scalar(weight(a, column) * share)
      }
    }
  }

  @inline(__always)
  private static func weight(_ a: UnsafePointer<ClassTargetsArguments>, _ column: Int) -> Double {
    a.pointee.weights.map { $0[column] } ?? 1
  }
}
