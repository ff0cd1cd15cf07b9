import DenpaCore
import DenpaKernelTypes

/// How the targets of a cross-entropy are changed before they are compared with the prediction.
public struct ClassTargets: Sendable {
  /// The part of each target that is spread evenly over all classes.
  let smoothing: Double
  let tables: Tables

  /// The weight of each class and the class numbers that do not count, in memory that kernels read.
  final class Tables: @unchecked Sendable {
    let weights: UnsafeMutableBufferPointer<Double>
    let ignored: UnsafeMutableBufferPointer<Int64>

    init(_ weights: [Double], _ ignored: [Int]) {
      self.weights = .allocate(capacity: weights.count)
      self.ignored = .allocate(capacity: ignored.count)
      _ = self.weights.initialize(from: weights)
      _ = self.ignored.initialize(from: ignored.map(Int64.init))
    }

    deinit {
      weights.deallocate()
      ignored.deallocate()
    }
  }

  public var weightCount: Int { tables.weights.count }

  /// nil if targets are taken as they are.
  public init?(smoothing: Double, weights: [Double], ignored: [Int]) {
    guard smoothing > 0 || !weights.isEmpty || !ignored.isEmpty else { return nil }
    self.smoothing = smoothing
    tables = Tables(weights, ignored)
  }
}

/// y = the rows that stand for targets. Reads the target; `isMean`: the loss is a mean over all rows.
struct ClassTargetsOperation: Operation {
  var targets: ClassTargets
  var isMean: Bool

  func lower(_ op: Op, _ lowering: inout Lowering) throws(DenpaError) {
    guard let y = op.writes[0]?.tensor else { return }
    var arguments = ClassTargetsArguments()
    (arguments.rows, arguments.columns) = lowering.sizes.matrix(y)
    arguments.targetKind = TargetKind(lowering.sizes.type(op.reads[0]).dtype).rawValue
    arguments.isMean = isMean ? 1 : 0
    arguments.smoothing = targets.smoothing
    arguments.weights =
      targets.tables.weights.isEmpty ? nil : UnsafePointer(targets.tables.weights.baseAddress)
    arguments.ignored = UnsafePointer(targets.tables.ignored.baseAddress)
    arguments.ignoredCount = targets.tables.ignored.count
    arguments.badRow = lowering.badRow
    try lowering.emit(
      lowering.sizes.kernels[.classTargets], arguments,
      [(\ClassTargetsArguments.target, op.reads[0]), (\ClassTargetsArguments.y, y)])
  }

  func failure(_ op: Op, _ code: Int32, _ context: FailureContext) -> DenpaError {
    let classes = op.writes[0].flatMap { context.type($0.tensor).shape.last } ?? 1
    let ignored: Message =
      targets.tables.ignored.isEmpty ? "" : " or one of \(list: targets.tables.ignored.map { "\($0)" })"
    return DenpaError(
      .badArgument,
      "\(context.node): expected class numbers from 0 to \(classes - 1)\(ignored), got \(context.badNumber(op.reads[0]))"
    )
  }
}

extension Recipe {
  /// y = the rows that stand for `target` in a cross-entropy with this reduction.
  public func classTargets(
    _ target: Tensor, _ targets: ClassTargets, _ reduction: Reduction, into y: Tensor
  ) { emit(ClassTargetsOperation(targets: targets, isMean: reduction == .mean), [target], y) }
}
