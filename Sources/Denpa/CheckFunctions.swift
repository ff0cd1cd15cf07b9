import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaPlugins
import DenpaTraining

@implementation @_cdecl("denpa_check_gradients")
public func denpa_check_gradients(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32,
  _ given: UnsafePointer<denpa_check_options>!,
  _ callback: denpa_check_callback!, _ user_data: UnsafeMutableRawPointer!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let chosen = try options(given, default: denpa_check_options(), "denpa_check_options")
    try requireZero(chosen.reserved == 0, "denpa_check_options")
    var check = GradientCheckOptions()
    guard chosen.step >= 0, chosen.step.isFinite, chosen.tolerance >= 0, chosen.tolerance.isFinite,
      chosen.max_elements >= -1
    else {
      throw DenpaError(
        .badArgument,
        "step and tolerance are 0 (default) or more, max_elements is −1 (all), 0 (default) or more")
    }
    if chosen.step > 0 { check.step = chosen.step }
    if chosen.tolerance > 0 { check.tolerance = chosen.tolerance }
    if chosen.max_elements != 0 {
      check.maximumElements = chosen.max_elements < 0 ? nil : Int(chosen.max_elements)
    }
    check.inputs = chosen.inputs != 0
    try GradientCheck.run(
      trainer, try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount).views,
      try handle.targets.read(
        targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count))
      ).views, check
    ) { result throws(DenpaError) in
      guard let callback else { return }
      guard try tell(result, callback, user_data) == DENPA_OK else {
        throw DenpaError(.stopped, "the check was stopped after \"\(result.tensor)\"")
      }
    }
  }
}

private func tell(
  _ result: GradientCheckResult, _ callback: denpa_check_callback, _ userData: UnsafeMutableRawPointer?
) throws(DenpaError) -> denpa_status {
  try Callback.ofProgram("the check callback") { note, place in
    result.tensor.withCString { name in
      var told = denpa_check()
      told.struct_size = MemoryLayout<denpa_check>.size
      told.tensor = name
      told.worst = result.worst
      told.checked = Int64(result.checked)
      told.index = Int64(result.index)
      told.analytic = result.analytic
      told.numeric = result.numeric
      told.passed = result.passed ? 1 : 0
      told.kinks = Int32(result.kinks)
      return denpa_shim_check(Callback.address(callback), userData, &told, note, place)
    }
  }
}

@implementation @_cdecl("denpa_prove")
public func denpa_prove(
  _ kind: UnsafePointer<CChar>!, _ report: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    let definition = try Registry.shared.layer(try requireName(kind, "the layer's kind"))
    let findings = try Conformance.prove(definition)
    var text = ""
    for finding in findings {
      text += "\(finding.passed ? "ok  " : "FAIL") \(finding.check): \(finding.text)\n"
    }
    try checkMemory("a proof's report")
    if report != nil || length != nil { try write(text: Array(text.utf8), report, capacity, length) }
    if let wrong = findings.first(where: { !$0.passed }) {
      throw DenpaError(.proofFailed, "\(definition.spec.kind): \(wrong.check): \(wrong.text)")
    }
    Registry.shared.markProved(definition.spec.kind)
  }
}

private func proves(_ given: UnsafePointer<denpa_plugin_options>?) throws(DenpaError) -> Bool {
  let chosen = try options(given, default: denpa_plugin_options(), "denpa_plugin_options")
  try requireZero(chosen.reserved == 0, "denpa_plugin_options")
  guard chosen.proof == DENPA_PROVE || chosen.proof == DENPA_ON_REQUEST else {
    throw DenpaError(.badArgument, "proof is DENPA_PROVE or DENPA_ON_REQUEST, got \(chosen.proof)")
  }
  return chosen.proof == DENPA_PROVE
}

@implementation @_cdecl("denpa_plugin_load")
public func denpa_plugin_load(
  _ path: UnsafePointer<CChar>!, _ given: UnsafePointer<denpa_plugin_options>!,
  _ layers: UnsafeMutablePointer<UnsafePointer<CChar>?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    let prove = try proves(given)
    let path = try CText.read(path, limit: 4096, "the plugin's path")
    let names = try PluginLoader.load(path: path, prove: prove)
    guard let layers else { return }
    var text = Array(names.joined(separator: " ").utf8)
    text.append(0)
    layers.pointee = PluginNames.keep(text)
  }
}

@implementation @_cdecl("denpa_layer_register")
public func denpa_layer_register(
  _ layer: UnsafePointer<denpa_layer>!, _ user_data: UnsafeMutableRawPointer!,
  _ given: UnsafePointer<denpa_plugin_options>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    guard let layer else { throw DenpaError(.badArgument, "the layer is NULL") }
    _ = try PluginLoader.register(layer, userData: user_data, prove: try proves(given))
  }
}

/// The names returned by `denpa_plugin_load`: valid forever, like the plugins.
private enum PluginNames {
  private static let mutex = Mutex()
  nonisolated(unsafe) private static var kept: [UnsafeMutablePointer<CChar>] = []

  static func keep(_ text: [UInt8]) -> UnsafePointer<CChar> {
    let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
    for (index, byte) in text.enumerated() { memory[index] = CChar(bitPattern: byte) }
    mutex.withLock { kept.append(memory) }
    return UnsafePointer(memory)
  }
}
