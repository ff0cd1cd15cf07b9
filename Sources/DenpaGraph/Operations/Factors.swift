import DenpaCore
import DenpaKernelTypes

/// A tensor as a matrix: the loops over its memory that make its rows and its columns.
struct Matrix {
  let rows: Loops
  let columns: Loops

  /// The last `columnAxes` axes are the columns. One number is 1×1, and a batch alone, (rows,), is one row.
  init(_ layout: Layout, columnAxes: Int = 1) {
    let border = max(layout.extents.count - columnAxes, 0)
    self.init(layout, rows: 0..<border, columns: border..<layout.extents.count)
  }

  init(_ layout: Layout, rows: Range<Int>, columns: Range<Int>) {
    func loops(_ axes: Range<Int>) -> Loops {
      Loops(Array(layout.extents[axes]), [Array(layout.strides[axes])])
    }
    self.rows = loops(rows)
    self.columns = loops(columns)
  }

  /// The elements from one row to the next, if the rows are one loop and each is contiguous.
  var rowStride: Int? { columns.isUnit ? rows.stride : nil }
}

extension Loops {
  /// Of the only tensor.
  var count: Int { extents.reduce(1, *) }
  /// The elements from one index to the next, if there is one loop.
  fileprivate var stride: Int? { extents.count == 1 ? strides[0][0] : nil }
  /// Whether the elements are adjacent.
  fileprivate var isUnit: Bool { extents == [1] || stride == 1 }
}

/// What a product multiplies.
struct Factors {
  var a: Matrix
  var b: Matrix
  var transposeA: Bool
  var transposeB: Bool

  var m: Int { (transposeA ? a.columns : a.rows).count }
  var n: Int { (transposeB ? b.rows : b.columns).count }
  var k: Int { (transposeA ? a.rows : a.columns).count }

  /// What the kernel needs to know to tell its workspace.
  var sizes: ProductArguments { ProductArguments(m: m, n: n, k: k) }

  /// Sizes, and how A and B are stored: as matrices with a stride where they are such matrices, transposed or
  /// not, otherwise as loops, which the kernel packs.
  func arguments(_ lowering: inout Lowering) throws(DenpaError) -> ProductArguments {
    var arguments = sizes
    try setA(&arguments, &lowering)
    try setB(&arguments, &lowering)
    return arguments
  }

  private func setA(_ arguments: inout ProductArguments, _ lowering: inout Lowering) throws(DenpaError) {
    let (m, n, k) = (arguments.m, arguments.n, arguments.k)
    let lines = transposeA ? a.columns : a.rows, steps = transposeA ? a.rows : a.columns
    let isLine = m == 1 || k == 1
    let straight = steps.isUnit ? lines.stride : nil
    let transposed = lines.isUnit && !isLine ? steps.stride : nil
    // With one column the order of summation differs between the two (Product.swift): an A that is stored the
    // other way round is walked over by loops then, so that it has the bits of its copy.
    if let straight, !transposeA || isLine || n > 1 && transposed == nil {
      arguments.aStride = straight
    } else if let transposed, transposeA || n > 1 {
      arguments.transposeA = 1
      arguments.aStride = transposed
    } else {
      arguments.transposeA = transposeA && !isLine ? 1 : 0
      arguments.aLoops = try lowering.reserve(lines: lines, steps: steps)
    }
  }

  private func setB(_ arguments: inout ProductArguments, _ lowering: inout Lowering) throws(DenpaError) {
    let (n, k) = (arguments.n, arguments.k)
    let lines = transposeB ? b.rows : b.columns, steps = transposeB ? b.columns : b.rows
    let straight = n == 1 ? (steps.isUnit ? 1 : nil) : lines.isUnit ? steps.stride : nil
    let transposed = steps.isUnit && n > 1 && k > 1 ? lines.stride : nil
    if let straight, !transposeB || transposed == nil {
      arguments.bStride = straight
    } else if let transposed {
      arguments.transposeB = 1
      arguments.bStride = transposed
    } else {
      arguments.bLoops = try lowering.reserve(lines: lines, steps: steps)
    }
  }
}

extension Lowering {
  fileprivate mutating func reserve(lines: Loops, steps: Loops) throws(DenpaError) -> UnsafePointer<
    OperandLoops
  > {
    let loops = OperandLoops(lines: try reserve(single: lines), steps: try reserve(single: steps))
    return UnsafePointer(try reserve(loops))
  }
}
