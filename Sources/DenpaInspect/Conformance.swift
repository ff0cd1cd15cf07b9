import DenpaCore
import DenpaGraph

/// The result of one check.
public struct Finding: Sendable {
  /// What was checked: "sample 0, float64: gradients".
  public var check: String
  public var passed: Bool
  /// The measurement, or what is wrong.
  public var text: String

  public init(check: String, passed: Bool, text: String) {
    self.check = check
    self.passed = passed
    self.text = text
  }
}

/// The proof: one suite for built-in, plugin and in-process layers, run over each layer's samples.
///
/// Nothing is taken on trust: read-only memory is compared afterwards, and gradients are compared with
/// numerical differentiation. A foreign layer's callbacks get buffers between two guard zones, filled with
/// NaN; then the layer is run again within a plan. Built-in layers are only run within a plan, with guard
/// zones around the caller's memory; the plan's own memory is guarded in guard mode, in which the tests run
/// this suite too.
public enum Conformance {
  /// Proves a layer. The first failed check ends the proof, since later ones would build on it.
  public static func prove(_ definition: LayerDefinition) throws(DenpaError) -> [Finding] {
    guard !definition.spec.samples.isEmpty else {
      return [Finding(check: "samples", passed: false, text: "the layer has no sample to be proved with")]
    }
    let report = Report()
    do {
      for (index, sample) in definition.spec.samples.enumerated() {
        report.place = "sample \(index)"
        try prove(definition, sample, report)
      }
    } catch {
      guard error.status != .outOfMemory else { throw error }
      report.findings.append(
        Finding(check: "\(report.place): \(report.check)", passed: false, text: error.message.description))
    }
    try checkMemory("a proof")
    return report.findings
  }

  private static func prove(
    _ definition: LayerDefinition, _ sample: Sample, _ report: Report
  ) throws(DenpaError) {
    var subjects: [ProofSubject] = []
    let place = report.place
    for dtype in definition.spec.dtypes {
      report.place = "\(place), \(dtype.name)"
      try report.run("shapes") { () throws(DenpaError) in
        let subject = try ProofSubject(definition, sample, dtype)
        subjects.append(subject)
        let shapes = subject.outputTypes.map(\.shape.description).joined(separator: ", ")
        return "\(subject.inputTypes.map(\.shape.description).joined(separator: ", ")) to \(shapes)"
      }
      guard let subject = subjects.last else { continue }
      let checks = ConformanceChecks(subject)
      try report.run("forward", checks.forward)
      if definition.spec.differentiable {
        try report.run("backward", checks.backward)
        try report.run("unwanted gradients", checks.unwanted)
        try report.run("accumulation", checks.accumulation)
      } else {
        report.note("backward", "none: the layer serves inference only")
      }
      try report.run("repeatability", checks.repeatability)
      try report.run("batch sizes", checks.batchSizes)
      try report.run("two threads at once", checks.reentrancy)
      if subject.isForeign { try report.run("within a plan", checks.plan) }
    }
    guard definition.spec.differentiable else { return }
    // A layer that supports both is only differentiated in float64, with which its float32 is then compared.
    guard let exact = subjects.first(where: { $0.dtype == .float64 }) ?? subjects.first else { return }
    report.place = "\(place), \(exact.dtype.name)"
    let analytic = try ConformanceGradients(exact)
    try analytic.compareWithStencil(report)
    guard let single = subjects.first(where: { $0.dtype == .float32 }), exact.dtype == .float64 else {
      return
    }
    report.place = place
    try report.run("float32 against float64") { () throws(DenpaError) in try analytic.compare(with: single) }
  }
}

/// Collects findings. `check` names the current check, for its failure.
final class Report {
  var findings: [Finding] = []
  var place = ""
  private(set) var check = ""

  func run(_ check: String, _ body: () throws(DenpaError) -> String) throws(DenpaError) {
    self.check = check
    note(check, try body())
  }

  func note(_ check: String, _ text: String) {
    findings.append(Finding(check: "\(place): \(check)", passed: true, text: text))
  }
}
