import DenpaCore
import DenpaKernelTypes

/// Neighbouring ops that one kernel call does, where the sizes make that worth while.
extension Lowering {
  /// Emits one step for `index` and the ops behind it; returns how many they are, 0 where there is no such step.
  mutating func lowerTogether(from index: Int) throws(DenpaError) -> Int {
    switch plan.ops[index].kind {
    case .product: try lowerDenseRowGradient(from: index)
    case .squaredError: try lowerSquaredErrorWithGradient(from: index)
    default: 0
    }
  }

  private func op(_ index: Int) -> Op? { plan.ops.indices.contains(index) ? plan.ops[index] : nil }

  /// What a dense layer writes down for its backward: dx = du·Wᵀ ∘ f', dW = xᵀ·du, db = Σ du; the first and the last may be missing.
  private struct DenseGradient {
    var dx: Op?
    var slope: Function?
    var dw: Op
    var db: Op?
    var count: Int { (dx == nil ? 1 : 2) + (db == nil ? 0 : 1) }
  }

  private func denseGradient(from index: Int) -> DenseGradient? {
    var next = index
    var dx: Op?
    var slope: Function?
    if let first = op(next), case .product(false, true, false, .identity, let function) = first.kind {
      dx = first
      slope = function
      next += 1
    }
    guard let dw = op(next), case .product(true, false, false, .identity, nil) = dw.kind,
      dx.map({ $0.reads[0] == dw.reads[1] }) ?? true
    else { return nil }
    let db = op(next + 1).flatMap { following -> Op? in
      guard case .columnSum = following.kind, following.reads[0] == dw.reads[1] else { return nil }
      return following
    }
    return DenseGradient(dx: dx, slope: slope, dw: dw, db: db)
  }

  private mutating func lowerDenseRowGradient(from index: Int) throws(DenpaError) -> Int {
    guard let gradient = denseGradient(from: index), let dw = gradient.dw.writes[0] else { return 0 }
    let x = gradient.dw.reads[0], dy = gradient.dw.reads[1]
    let dx = gradient.dx?.writes[0], db = gradient.db?.writes[0]
    guard matrix(x).rows == 1, (dx?.mode ?? .overwrite) == .overwrite, (db?.mode ?? dw.mode) == dw.mode,
      [dw, db].allSatisfy({ $0.map { isGradient($0.tensor) } ?? true })
    else { return 0 }
    var arguments = DenseRowGradientArguments()
    arguments.k = matrix(x).columns
    arguments.n = matrix(dy).columns
    arguments.slopeFunction = gradient.slope?.rawValue ?? 0
    arguments.isPadded = dx.map { isPadded($0.tensor) } ?? false ? 1 : 0
    arguments.weightFlag = flag(dw)
    arguments.biasFlag = db.flatMap { flag($0) }
    guard let step = plan.kernels.denseRowGradientStep(&arguments) else { return 0 }
    var pointers: [(PartialKeyPath<DenseRowGradientArguments>, TensorID)] = [
      (\DenseRowGradientArguments.x, x), (\DenseRowGradientArguments.dy, dy),
      (\DenseRowGradientArguments.dw, dw.tensor),
    ]
    if let db { pointers.append((\DenseRowGradientArguments.db, db.tensor)) }
    if let dx, let op = gradient.dx {
      pointers += [(\DenseRowGradientArguments.w, op.reads[1]), (\DenseRowGradientArguments.dx, dx.tensor)]
      if gradient.slope != nil { pointers.append((\DenseRowGradientArguments.slopeOutput, op.reads[2])) }
    }
    try emit(
      step, arguments, op: index, pointers, accumulate: (\DenseRowGradientArguments.accumulate, dw))
    return gradient.count
  }

  private func isGradient(_ id: TensorID) -> Bool {
    if case .parameterGradient = plan.tensors[id].role { true } else { false }
  }

  /// The loss and its gradient in one sweep, where the gradient is the next thing asked for and its factor is known.
  private mutating func lowerSquaredErrorWithGradient(from index: Int) throws(DenpaError) -> Int {
    let first = plan.ops[index]
    guard case .squaredError(let factor, let reduction) = first.kind, reduction != .none, let loss = first.writes[0],
      let second = op(index + 1), case .squaredErrorGradient(factor, reduction) = second.kind,
      second.reads[0] == first.reads[0], second.reads[1] == first.reads[1],
      case .constant = plan.tensors[second.reads[2]].role, let dx = second.writes[0], dx.mode == .overwrite
    else { return 0 }
    var arguments = squaredErrorArguments(first.reads[0], factor, reduction)
    arguments.isPadded = isPadded(dx.tensor) ? 1 : 0
    try emit(
      plan.kernels.squaredError, arguments, op: index,
      [
        (\SquaredErrorArguments.prediction, first.reads[0]), (\SquaredErrorArguments.target, first.reads[1]),
        (\SquaredErrorArguments.loss, loss.tensor), (\SquaredErrorArguments.dx, dx.tensor),
        (\SquaredErrorArguments.dloss, second.reads[2]),
      ])
    return 2
  }
}
