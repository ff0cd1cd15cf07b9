import DenpaCore
import DenpaGraph
import DenpaInspect
import Testing

/// Runs the suite with which plugins are proved on every layer and loss of the registry.
@Suite struct ConformanceTests {
  /// A layer without inputs is not a model on its own: the random networks compare `constant` within others.
  private static let provable = registry.layers.map(\.spec).filter { !$0.inputs.isEmpty }.map(\.kind)

  @Test(arguments: provable)
  func layerKeepsItsPromises(_ kind: String) throws {
    let definition = try registry.layer(kind)
    let findings = try Conformance.prove(definition)
    #expect(findings.count >= 5, "a suite that checks nothing proves nothing")
    for finding in findings { #expect(finding.passed, "\(kind): \(finding.check): \(finding.text)") }
  }

  @Test(arguments: provable)
  func specIsDocumented(_ kind: String) throws {
    let spec = try registry.layer(kind).spec
    #expect(spec.summary.count > 10 && spec.summary.hasSuffix("."))
    #expect(!spec.samples.isEmpty)
    #expect(!spec.inputs.isEmpty && !spec.outputs.isEmpty)
    for attribute in spec.attributes { #expect(attribute.summary.count > 3, "\(kind).\(attribute.name)") }
    let made = try registry.layer(kind).make(
      try Attributes(checking: spec.samples[0].attributes, against: spec.attributes, owner: "test"))
    #expect(
      try made.parameters(spec.samples[0].inputs).map(\.name).allSatisfy { spec.parameters.contains($0) })
  }

  /// Checks the suite itself: it finds a gradient that is wrong by a factor.
  @Test func wrongGradientIsFound() throws {
    struct Wrong: Layer {
      func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] { inputs }
      func forward(_ r: Recipe) throws(DenpaError) { r.apply(.tanh, r.x, into: r.y) }
      func backward(_ r: Recipe) throws(DenpaError) { r.applyDerivative(.sigmoid, at: r.y, r.dy, into: r.dx) }
    }
    var spec = try registry.layer("tanh").spec
    spec.kind = "wrong_tanh"
    let findings = try Conformance.prove(LayerDefinition(spec: spec) { (_) throws(DenpaError) in Wrong() })
    #expect(findings.contains { !$0.passed })
  }
}
