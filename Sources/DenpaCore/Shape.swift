/// The extents of a tensor, at most 8 axes, stored inline: creating and comparing shapes allocates nothing.
///
/// Axis 0 of a value in a graph is the batch; until the batch size is known it is `Shape.batch`. Further axes
/// may be open (`Shape.any`) until a call says how long they are.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral {
  public static let maximumRank = 8
  /// The symbolic extent of the batch axis, "rows" in messages.
  public static let batch = -1
  /// An open extent, "any" in messages: the length of a sequence, the size of an image.
  public static let any = -2

  private var extents: SIMD8<Int> = .zero
  public private(set) var rank = 0

  public init() {}

  public init(arrayLiteral elements: Int...) {
    for extent in elements.prefix(Shape.maximumRank) { append(extent) }
  }

  /// Creates a shape after checking rank and extents; `Shape.batch` is only allowed on axis 0, `Shape.any`
  /// only if it may be `open`.
  public init(checking extents: some Collection<Int>, open: Bool = false) throws(DenpaError) {
    guard extents.count <= Shape.maximumRank else {
      throw DenpaError(.limitExceeded, "a tensor has at most \(Shape.maximumRank) axes, got \(extents.count)")
    }
    for extent in extents {
      guard extent >= 0 || (extent == Shape.batch && rank == 0) || (open && extent == Shape.any) else {
        throw DenpaError(
          .badShape,
          "axis \(rank) has extent \(extent); extents are 0 or more\(open ? ", or -2 (DENPA_ANY) if they are open" : "")"
        )
      }
      append(extent)
    }
    _ = try checkedCount()
  }

  public mutating func append(_ extent: Int) {
    precondition(rank < Shape.maximumRank)
    extents[rank] = extent
    rank += 1
  }

  public subscript(axis: Int) -> Int {
    get { extents[axis] }
    set { extents[axis] = newValue }
  }

  public var last: Int? { rank > 0 ? extents[rank - 1] : nil }
  public var isBatched: Bool { rank > 0 && extents[0] == Shape.batch }
  /// How many extents are open.
  public var openCount: Int { (0..<rank).count { extents[$0] == Shape.any } }

  /// The number of elements; a symbolic batch counts as one row, and an open extent as one.
  public var count: Int {
    var product = 1
    for axis in 0..<rank { product &*= extents[axis] < 0 ? 1 : extents[axis] }
    return product
  }

  /// Returns the number of elements; throws if it exceeds 2⁴⁷ (128 TiB of bytes: no machine has the memory,
  /// and sizes in bytes cannot overflow).
  public func checkedCount() throws(DenpaError) -> Int {
    // An extent of 0 makes the product 0, but two huge ones beside it must not overflow on the way.
    var product = 1
    for axis in 0..<rank {
      let extent = max(extents[axis], 1)
      let (result, overflow) = product.multipliedReportingOverflow(by: extent)
      guard !overflow, result <= 1 << 47 else {
        throw DenpaError(.limitExceeded, "a tensor of shape \(self) has too many elements")
      }
      product = result
    }
    return count
  }

  /// Returns the shape with the symbolic batch replaced.
  public func withRows(_ rows: Int) -> Shape {
    guard isBatched else { return self }
    var result = self
    result.extents[0] = rows
    return result
  }

  /// Returns the shape with open extents replaced, in order.
  public func closed(_ given: some Collection<Int>) -> Shape {
    var result = self
    var next = given.makeIterator()
    for axis in 0..<rank where extents[axis] == Shape.any { result.extents[axis] = next.next() ?? Shape.any }
    return result
  }

  /// The axes after the batch.
  public var sample: Shape {
    var result = Shape()
    for axis in 1..<max(rank, 1) { result.append(extents[axis]) }
    return result
  }

  /// Returns (rows, …) followed by a sample's shape.
  public static func batched(_ sample: Shape) -> Shape {
    var result = Shape()
    result.append(Shape.batch)
    for axis in 0..<min(sample.rank, maximumRank - 1) { result.append(sample[axis]) }
    return result
  }

  public var array: [Int] { (0..<rank).map { extents[$0] } }
}

extension Shape: CustomStringConvertible {
  public var description: String {
    var text = Message()
    text.append(self)
    return text.description
  }
}

/// A tensor's dtype and shape.
public struct TensorType: Sendable, Hashable {
  public var dtype: DType
  public var shape: Shape

  public init(_ dtype: DType, _ shape: Shape) {
    self.dtype = dtype
    self.shape = shape
  }

  public var byteCount: Int { shape.count * dtype.size }
  public func withRows(_ rows: Int) -> TensorType { TensorType(dtype, shape.withRows(rows)) }
}
