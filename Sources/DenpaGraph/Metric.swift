import DenpaCore

/// A number by which people judge a model. It is computed batch by batch over an epoch or an evaluation, from
/// the predictions before each step; samples are never averaged over batches of different sizes.
public protocol Metric: Sendable {
  /// Forgets all batches.
  mutating func reset()
  mutating func add(_ batch: MetricBatch) throws(DenpaError)
  /// NaN if no batch has said anything about it.
  var value: Double { get }
  /// What it has gathered since `reset`, so that an epoch can go on elsewhere. Numbers that cannot be right, or
  /// more or fewer than expected, are read as zeros.
  var gathered: [Double] { get set }
}

extension [Double] {
  /// The number at an index as a count: 0 if there is none, or if it is no whole number from 0 to 2^53.
  public func count(at index: Int) -> Int {
    guard indices.contains(index), let whole = Int(exactly: self[index]), whole >= 0, whole <= 1 << 53 else {
      return 0
    }
    return whole
  }

  public func number(at index: Int) -> Double { indices.contains(index) ? self[index] : 0 }
}

/// What decisions predictions stand for, which the loss says.
public enum Decisions: String, Sendable {
  /// One class out of several, for each row.
  case classes
  /// Yes or no, for each element.
  case elements
}

/// The predictions of a batch and their targets, as matrices with a row for each decision between classes.
public struct MetricBatch {
  public let predictionType: TensorType
  public let targetType: TensorType
  public let predictions: UnsafeMutableRawPointer
  public let targets: UnsafeMutableRawPointer
  /// The loss on this output; its spec says what the predictions are.
  public let loss: LayerSpec
  /// The class numbers that it ignores.
  private let ignored: [Int]

  public init(
    _ predictionType: TensorType, _ predictions: UnsafeMutableRawPointer, _ targetType: TensorType,
    _ targets: UnsafeMutableRawPointer, _ loss: LayerSpec, ignored: [Int]
  ) {
    self.predictionType = predictionType
    self.targetType = targetType
    self.predictions = predictions
    self.targets = targets
    self.loss = loss
    self.ignored = ignored
  }

  /// A prediction of shape (samples,) is a single column.
  public var columns: Int {
    predictionType.shape.rank > 1 ? max(predictionType.shape.last ?? 1, 1) : 1
  }
  public var rows: Int { predictionType.shape.count / columns }

  /// Whether each element is a decision by itself; if not, the columns of a row are classes.
  public var isOfElements: Bool { columns == 1 || loss.decisions == .elements }
  /// Above which number a prediction of an element says yes.
  public var threshold: Double { loss.fromLogits ? 0 : 0.5 }

  public func prediction(_ row: Int, _ column: Int) -> Double {
    MetricBatch.element(predictions, predictionType.dtype, row * columns + column)
  }

  public func target(_ row: Int, _ column: Int) -> Double {
    MetricBatch.element(targets, targetType.dtype, row * columns + column)
  }

  public func saysYes(_ row: Int, _ column: Int) -> Bool { prediction(row, column) > threshold }
  public func isYes(_ row: Int, _ column: Int) -> Bool { target(row, column) > 0.5 }

  /// The class that is predicted for a row: that of the largest prediction, the first of equal ones.
  public func chosen(_ row: Int) -> Int {
    predictionType.dtype == .float64
      ? MetricBatch.largest(predictions, Double.self, row, columns)
      : MetricBatch.largest(predictions, Float.self, row, columns)
  }

  /// The right class of a row; nil for a class number that the loss ignores.
  public func label(_ row: Int) -> Int? {
    switch targetType.dtype {
    case .float32: return MetricBatch.largest(targets, Float.self, row, columns)
    case .float64: return MetricBatch.largest(targets, Double.self, row, columns)
    default:
      let number = Int(targetType.dtype.integer(targets, row))
      return number >= 0 && number < columns && !ignored.contains(number) ? number : nil
    }
  }

  @inline(__always)
  private static func element(_ data: UnsafeMutableRawPointer, _ dtype: DType, _ index: Int) -> Double {
    switch dtype {
    case .float64: data.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
    case .float32: Double(data.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
    default: Double(dtype.integer(data, index))
    }
  }

  @inline(__always)
  private static func largest<F: BinaryFloatingPoint & BitwiseCopyable>(
    _ data: UnsafeMutableRawPointer, _: F.Type, _ row: Int, _ count: Int
  ) -> Int {
    var best = 0
    let start = row * count
    var value = data.loadUnaligned(fromByteOffset: start * MemoryLayout<F>.size, as: F.self)
    for index in 1..<max(count, 1) {
      let next = data.loadUnaligned(fromByteOffset: (start + index) * MemoryLayout<F>.size, as: F.self)
      if next > value {
        value = next
        best = index
      }
    }
    return best
  }
}

public struct MetricDefinition: Sendable {
  public var kind: String
  public var summary: String
  public var details: String
  public var attributes: [AttributeSpec]
  /// Whether more is better.
  public var isBetterHigher: Bool
  /// Says why the metric has no meaning for predictions of a shape, under a loss.
  public var check: @Sendable (_ prediction: Shape, _ loss: LayerSpec) throws(DenpaError) -> Void
  public var make: @Sendable (Attributes) throws(DenpaError) -> any Metric

  public init(
    kind: String, summary: String, details: String, attributes: [AttributeSpec] = [], isBetterHigher: Bool,
    check: @escaping @Sendable (Shape, LayerSpec) throws(DenpaError) -> Void = { (_, _) throws(DenpaError) in
    },
    make: @escaping @Sendable (Attributes) throws(DenpaError) -> any Metric
  ) {
    self.kind = kind
    self.summary = summary
    self.details = details
    self.attributes = attributes
    self.isBetterHigher = isBetterHigher
    self.check = check
    self.make = make
  }
}
