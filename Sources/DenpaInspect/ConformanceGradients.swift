import DenpaCore
import DenpaGraph

/// Compares a layer's gradients with the differences of its forward, and with those of its other dtype.
struct ConformanceGradients {
  let subject: ProofSubject
  private let runner: LayerRunner
  private let outputs: [[Double]]
  private let dinputs: [[Double]?]
  private let dparameters: [[Double]?]

  /// The steps of the 5-point stencil; the smaller ones decide if there is a kink inside the widest.
  private let steps: [Double]
  private let tolerance: Double
  private static let againstFloat64 = 1e-5

  init(_ subject: ProofSubject) throws(DenpaError) {
    self.subject = subject
    runner = try subject.runner(rows: subject.rows)
    let isExact = subject.dtype == .float64
    // Powers of two: x + h is exact for all but the largest x.
    steps = isExact ? [0x1p-11, 0x1p-14, 0x1p-17] : [0x1p-6, 0x1p-8]
    tolerance = isExact ? 1e-8 : 1e-2
    runner.reset()
    try runner.forward(training: true)
    outputs = runner.outputs.map(\.values)
    try runner.backward(accumulate: false)
    dinputs = runner.dinputs.map { $0?.values }
    dparameters = runner.dparameters.map { $0?.values }
  }

  // MARK: Numerical differentiation

  func compareWithStencil(_ report: Report) throws(DenpaError) {
    for (index, analytic) in dinputs.enumerated() {
      guard let analytic else { continue }
      let name = subject.definition.spec.inputs
      let label = name.indices.contains(index) ? "input \(index) (\"\(name[index])\")" : "input \(index)"
      try report.run("gradient of \(label)") { () throws(DenpaError) in
        try compare(runner.inputs[index], analytic)
      }
    }
    for (index, analytic) in dparameters.enumerated() {
      guard let analytic else { continue }
      try report.run("gradient of parameter \"\(subject.parameterNames[index])\"") { () throws(DenpaError) in
        try compare(runner.parameters[index], analytic)
      }
    }
  }

  /// The number of elements differentiated per tensor: all of a small one, fewer the more a forward costs.
  private var maximumElements: Int {
    let work = (runner.inputs + runner.outputs + runner.parameters).reduce(0) { $0 + $1.count }
    return min(256, max(16, 1_000_000 / max(work, 1)))
  }

  private func compare(_ tensor: GuardedTensor, _ analytic: [Double]) throws(DenpaError) -> String {
    guard tensor.count > 0 else { return "no elements" }
    let checked = min(tensor.count, maximumElements)
    var numeric: [(index: Int, value: Double)] = []
    for number in 0..<checked {
      let index = number * tensor.count / checked
      numeric.append((index, try difference(tensor, index, steps[0])))
    }
    let scale = max(
      analytic.reduce(0) { max($0, abs($1)) }, numeric.reduce(0) { max($0, abs($1.value)) }, 1e-3)
    var worst = 0.0, where_ = numeric[0]
    for var point in numeric {
      var distance = abs(analytic[point.index] - point.value) / scale
      for step in steps.dropFirst() where !(distance <= tolerance) {
        let value = try difference(tensor, point.index, step)
        let finer = abs(analytic[point.index] - value) / scale
        if finer < distance || distance.isNaN { (point.value, distance) = (value, finer) }
      }
      guard !(distance <= worst) else { continue }
      worst = distance
      where_ = point
    }
    guard worst <= tolerance else {
      throw DenpaError(
        .proofFailed,
        "backward says \(analytic[where_.index]) for element \(where_.index), numerical differentiation \(where_.value): they differ by \(rounded(worst)) of the largest gradient, more than \(rounded(tolerance))"
      )
    }
    return "\(rounded(worst)), at most \(rounded(tolerance)) (\(checked) elements)"
  }

  /// (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h
  private func difference(_ tensor: GuardedTensor, _ index: Int, _ h: Double) throws(DenpaError) -> Double {
    let x = tensor[index]
    defer { tensor[index] = x }
    func value(_ offset: Double) throws(DenpaError) -> Double {
      tensor[index] = x + offset
      runner.resetStates()
      try runner.forward(training: true)
      return runner.objective
    }
    let near = try value(h) - value(-h)
    let far = try value(2 * h) - value(-2 * h)
    return (8 * near - far) / (12 * h)
  }

  // MARK: The other dtype

  func compare(with single: ProofSubject) throws(DenpaError) -> String {
    let other = try ConformanceGradients(single)
    var worst = 0.0
    func compare(_ exact: [Double], _ rough: [Double], _ label: String) throws(DenpaError) {
      let scale = exact.reduce(1e-3) { max($0, abs($1)) }
      for (index, (a, b)) in zip(exact, rough).enumerated() {
        let distance = abs(a - b) / scale
        guard distance <= ConformanceGradients.againstFloat64 else {
          throw DenpaError(
            .proofFailed,
            "\(label), element \(index), is \(b) in float32 and \(a) in float64: they differ by \(rounded(distance)) of the largest, more than \(rounded(ConformanceGradients.againstFloat64))"
          )
        }
        worst = max(worst, distance)
      }
    }
    for (index, exact) in outputs.enumerated() {
      try compare(exact, other.outputs[index], "outputs[\(index)]")
    }
    for (index, exact) in dinputs.enumerated() {
      if let exact, let rough = other.dinputs[index] { try compare(exact, rough, "dinputs[\(index)]") }
    }
    for (index, exact) in dparameters.enumerated() {
      if let exact, let rough = other.dparameters[index] {
        try compare(exact, rough, "dparameters[\(index)]")
      }
    }
    return "\(rounded(worst)), at most \(rounded(ConformanceGradients.againstFloat64))"
  }

  /// Formats with two digits, as in 3.1e-09.
  private func rounded(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return "\(value)" }
    var exponent = 0, mantissa = abs(value)
    while mantissa >= 9.95 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 0.995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    let digits = Int((mantissa * 10).rounded())
    return "\(digits / 10).\(digits % 10)e\(exponent)"
  }
}
