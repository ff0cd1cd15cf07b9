import DenpaCore
import DenpaGraph

/// The requirements on a layer except its gradients' values. A check returns what it found or throws.
struct ConformanceChecks {
  let subject: ProofSubject

  init(_ subject: ProofSubject) { self.subject = subject }

  /// One run through a layer, with everything that it wrote.
  struct Trace: Equatable {
    var outputs: [[UInt8]] = []
    var states: [[UInt8]] = []
    var dinputs: [[UInt8]?] = []
    var dparameters: [[UInt8]?] = []
  }

  // MARK: Single calls

  func forward() throws(DenpaError) -> String {
    let runner = try subject.runner(rows: subject.rows)
    for training in subject.definition.spec.differentiable ? [false, true] : [false] {
      runner.reset()
      try checkedForward(runner, training: training, finite: true)
    }
    return "\(runner.outputs.count) output(s) written, all of them and nothing else"
  }

  func backward() throws(DenpaError) -> String {
    let runner = try subject.runner(rows: subject.rows)
    runner.reset()
    try checkedForward(runner, training: true, finite: true)
    try checkedBackward(runner, finite: true)
    let count = (runner.dinputs + runner.dparameters).count { $0 != nil }
    return "\(count) gradient(s) written, all of them and nothing else"
  }

  private func checkedForward(_ runner: LayerRunner, training: Bool, finite: Bool) throws(DenpaError) {
    let name = training ? "forward" : "forward (inference)"
    let readOnly = runner.inputs + readOnlyParameters(runner, training: training)
    let before = readOnly.map(\.bytes)
    try runner.forward(training: training)
    try runner.checkBounds(name)
    for (tensor, bytes) in zip(readOnly, before) where tensor.bytes != bytes {
      throw DenpaError(.proofFailed, "\(name) changed \(tensor.label), which it may only read")
    }
    for output in runner.outputs { try output.checkWritten(by: name, finite: finite) }
  }

  private func checkedBackward(_ runner: LayerRunner, finite: Bool) throws(DenpaError) {
    let readOnly = runner.inputs + runner.outputs + runner.parameters + runner.doutputs
    let before = readOnly.map(\.bytes)
    try runner.backward(accumulate: false)
    try runner.checkBounds("backward")
    for (tensor, bytes) in zip(readOnly, before) where tensor.bytes != bytes {
      throw DenpaError(.proofFailed, "backward changed \(tensor.label), which it may only read")
    }
    for tensor in runner.dinputs + runner.dparameters {
      try tensor?.checkWritten(by: "backward", finite: finite)
    }
  }

  private func readOnlyParameters(_ runner: LayerRunner, training: Bool) -> [GuardedTensor] {
    runner.parameters.enumerated().filter { !training || subject.parameterRoles[$0.offset] != .state }.map(
      \.element)
  }

  // MARK: Variations

  /// Leaves out gradients one by one; the others must keep their bits.
  func unwanted() throws(DenpaError) -> String {
    let all = try trace(try subject.runner(rows: subject.rows))
    var variations: [Wanted] = []
    for index in subject.wanted.inputs.indices where subject.wanted.inputs[index] {
      var wanted = subject.wanted
      if subject.isForeign {
        wanted.inputs[index] = false
      } else {
        // A plan computes the gradients of all inputs or of none.
        wanted.inputs = wanted.inputs.map { _ in false }
      }
      if !variations.contains(wanted) { variations.append(wanted) }
    }
    for index in subject.wanted.parameters.indices where subject.wanted.parameters[index] {
      var wanted = subject.wanted
      wanted.parameters[index] = false
      variations.append(wanted)
    }
    for wanted in variations where wanted.inputs.contains(true) || wanted.parameters.contains(true) {
      let fewer = try trace(try subject.runner(rows: subject.rows, wanted: wanted))
      for (index, bytes) in fewer.dinputs.enumerated() where bytes != nil && bytes != all.dinputs[index] {
        throw DenpaError(
          .proofFailed, "dinputs[\(index)] is another one where other gradients are not wanted")
      }
      for (index, bytes) in fewer.dparameters.enumerated()
      where bytes != nil && bytes != all.dparameters[index] {
        throw DenpaError(
          .proofFailed, "dparameters[\(index)] is another one where other gradients are not wanted")
      }
    }
    return "\(variations.count) left out in turn"
  }

  /// accumulate = 1 must add to the existing values.
  func accumulation() throws(DenpaError) -> String {
    let runner = try subject.runner(rows: subject.rows)
    runner.reset()
    try runner.forward(training: true)
    try runner.backward(accumulate: false)
    let gradients = (runner.accumulatesInputs ? runner.dinputs : []) + runner.dparameters
    let plain = gradients.map { $0?.values ?? [] }
    // A backward may overwrite what forward has kept for it.
    runner.reset()
    try runner.forward(training: true)
    for tensor in gradients {
      if let tensor { tensor.values = (0..<tensor.count).map { Double($0 % 7) - 2.5 } }
    }
    try runner.backward(accumulate: true)
    try runner.checkBounds("backward (accumulate)")
    for (index, tensor) in gradients.enumerated() {
      guard let tensor else { continue }
      for (element, value) in tensor.values.enumerated() {
        let start = Double(element % 7) - 2.5
        let expected = start + plain[index][element]
        let scale = max(abs(start), abs(plain[index][element]), 1)
        guard abs(value - expected) <= roundingTolerance * scale else {
          throw DenpaError(
            .proofFailed,
            "\(tensor.label), element \(element): asked to accumulate, backward made \(value) of \(start) where the gradient is \(plain[index][element]): expected \(expected)"
          )
        }
      }
    }
    return "added to what there was"
  }

  /// The same call must write the same bits, whatever the previous memory and the number of threads.
  func repeatability() throws(DenpaError) -> String {
    let runner = try subject.runner(rows: subject.rows)
    let first = try trace(runner)
    try compare(first, try trace(runner, poison: 1), "called again")
    try compare(
      first, try trace(try subject.runner(rows: subject.rows, threads: 4)), "called with four threads")
    return "the same bits"
  }

  /// Checks every number of rows from 0 on; if rows are independent, each row alone must give what it gives
  /// in the batch.
  func batchSizes() throws(DenpaError) -> String {
    let isDifferentiable = subject.definition.spec.differentiable
    let isIndependent = subject.definition.spec.rowsIndependent && subject.definition.spec.role == .layer
    for rows in 0...subject.rows {
      let runner = try subject.runner(rows: rows)
      for training in isDifferentiable ? [false, true] : [false] {
        runner.reset()
        do {
          try checkedForward(runner, training: training, finite: rows > 0)
          if training { try checkedBackward(runner, finite: rows > 0) }
        } catch { throw error.inside("with \(rows) row(s)") }
      }
    }
    guard isIndependent else { return "0 to \(subject.rows) rows" }
    let batch = try subject.runner(rows: subject.rows)
    batch.reset()
    try batch.forward(training: false)
    let single = try subject.runner(rows: 1)
    for row in 0..<subject.rows {
      single.reset(first: row)
      try single.forward(training: false)
      for (index, output) in single.outputs.enumerated() where subject.outputTypes[index].shape.isBatched {
        let expected = batch.outputs[index]
        for element in 0..<output.count {
          let other = expected[row * output.count + element], value = output[element]
          let tolerance = subject.isForeign ? rowTolerance * max(abs(value), abs(other)) : 0
          guard abs(value - other) <= tolerance || value.bitPattern == other.bitPattern else {
            throw DenpaError(
              .proofFailed,
              "row \(row) of \(output.label) is \(value) by itself and \(other) in the batch (element \(element)), while the layer declares its rows independent"
            )
          }
        }
      }
    }
    return "0 to \(subject.rows) rows, each row by itself as in the batch"
  }

  /// A foreign layer within a plan must do what its callbacks did: the same bits for every number of rows.
  func plan() throws(DenpaError) -> String {
    for rows in 0...subject.rows {
      let alone = try trace(try subject.runner(rows: rows))
      let planned = try trace(try subject.planRunner(rows: rows))
      do throws(DenpaError) { try compare(alone, planned, "called by a plan") } catch {
        throw error.inside("with \(rows) row(s)")
      }
    }
    return "the same bits for 0 to \(subject.rows) rows"
  }

  func reentrancy() throws(DenpaError) -> String {
    let expected = try trace(try subject.runner(rows: subject.rows))
    let runners = [try subject.runner(rows: subject.rows), try subject.runner(rows: subject.rows)]
    try TwoThreads.run { index throws(DenpaError) in
      for _ in 0..<16 {
        try compare(expected, try trace(runners[index]), "called in two threads at once")
      }
    }
    return "the same bits"
  }

  // MARK: Traces

  private func trace(_ runner: LayerRunner, poison: Int = 0) throws(DenpaError) -> Trace {
    runner.reset(poison: poison)
    let isDifferentiable = subject.definition.spec.differentiable
    try runner.forward(training: isDifferentiable)
    var result = Trace(outputs: runner.outputs.map(\.bytes), states: runner.parameters.map(\.bytes))
    guard isDifferentiable else { return result }
    try runner.backward(accumulate: false)
    result.dinputs = runner.dinputs.map { $0?.bytes }
    result.dparameters = runner.dparameters.map { $0?.bytes }
    return result
  }

  private func compare(_ first: Trace, _ second: Trace, _ how: String) throws(DenpaError) {
    guard first != second else { return }
    let what =
      first.outputs != second.outputs
      ? "forward gives other outputs"
      : first.states != second.states ? "forward leaves other states" : "backward gives other gradients"
    throw DenpaError(.proofFailed, "\(what) when it is \(how)")
  }

  private var roundingTolerance: Double { subject.dtype == .float64 ? 1e-12 : 1e-5 }
  private var rowTolerance: Double { subject.dtype == .float64 ? 1e-12 : 1e-6 }
}
