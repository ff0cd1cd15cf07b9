import CDenpa
import DenpaCore
import DenpaGraph

/// A layer as described by a plugin, checked: anything wrong with the description is found here, before any
/// callback runs.
final class PluginDefinition: @unchecked Sendable {
  static let maximumPorts: Int32 = 64
  static let maximumSamples: Int32 = 256
  private static let knownFlags = UInt32(
    DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS | DENPA_NEEDS_OUTPUTS)
  private static let knownDTypes = UInt32(DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64)

  /// A copy; what it points to remains the plugin's, which promises that it stays valid.
  let layer: denpa_layer
  let userData: UnsafeMutableRawPointer?
  private(set) var spec: LayerSpec

  var isLoss: Bool { layer.role == DENPA_LOSS }
  var isReentrant: Bool { layer.flags & UInt32(DENPA_REENTRANT) != 0 }

  var definition: LayerDefinition {
    LayerDefinition(spec: spec, proved: false) { (attributes) throws(DenpaError) in
      try PluginLayer(self, attributes)
    }
  }

  /// `userData`, if given (even as NULL), replaces the description's. `index` is the layer's position in the
  /// plugin, for errors without a name.
  init(
    _ pointer: UnsafePointer<denpa_layer>?, userData: UnsafeMutableRawPointer?? = nil, plugin: String,
    index: Int
  ) throws(DenpaError) {
    let layer = try PluginStruct.read(pointer, "denpa_layer", "layer \(index)")
    self.layer = layer
    self.userData = userData ?? layer.user_data
    let name = try PluginDefinition.readName(layer.name, index)
    do {
      let summary = try CText.read(layer.summary, limit: CText.limit, "the summary")
      try PluginDefinition.checkNumbers(layer)
      try PluginDefinition.checkCallbacks(layer)
      let attributes = try PluginSchema.read(layer)
      let isLoss = layer.role == DENPA_LOSS
      spec = LayerSpec(
        kind: name, role: isLoss ? .loss : .layer, summary: summary,
        inputs: isLoss ? ["prediction", "target"] : PluginDefinition.names("x", layer.input_count),
        outputs: isLoss ? ["loss"] : PluginDefinition.names("y", layer.output_count), attributes: attributes,
        rowsIndependent: layer.flags & UInt32(DENPA_ROWS_INDEPENDENT) != 0, samples: [])
      spec.version = Int(layer.version)
      spec.plugin = plugin
      spec.differentiable = layer.backward != nil
      spec.dtypes = []
      if layer.dtypes & UInt32(DENPA_SUPPORTS_FLOAT32) != 0 { spec.dtypes.append(.float32) }
      if layer.dtypes & UInt32(DENPA_SUPPORTS_FLOAT64) != 0 { spec.dtypes.append(.float64) }
      spec.samples = try PluginSamples.read(layer, attributes)
      spec.proved = PluginDefinition.proved(spec.samples, isLoss: isLoss)
      spec.classTargets =
        isLoss && spec.samples.contains { $0.inputs.count > 1 && !$0.inputs[1].dtype.isFloat }
      spec.decisions = spec.classTargets ? .classes : nil
    } catch {
      throw DenpaError(.badPlugin, "layer \"\(name)\": \(error.message)")
    }
    spec.parameters = parameterNames()
    try checkMemory("a plugin")
  }

  /// Returns what the samples show about each input. A loss's integer targets are class indices unless a
  /// sample has any not below the prediction's last extent.
  private static func proved(_ samples: [Sample], isLoss: Bool) -> [ProvedInput] {
    guard let count = samples.first?.inputs.count else { return [] }
    return (0..<count).map { index in
      var dtypes: [DType] = []
      var areClasses = isLoss && index > 0
      for sample in samples {
        let type = sample.inputs[index]
        if !dtypes.contains(type.dtype) { dtypes.append(type.dtype) }
        guard !type.dtype.isFloat else { continue }
        let given = sample.values.indices.contains(index) ? sample.values[index] : nil
        let largest = given?.max() ?? Double(sample.classes - 1)
        areClasses =
          areClasses && largest < Double(sample.inputs[0].shape.last ?? 1) && (given?.min() ?? 0) >= 0
      }
      return ProvedInput(dtypes: dtypes, areClasses: areClasses)
    }
  }

  /// Returns the layer's parameter names, from an instance made for the first sample; only for documentation,
  /// so a layer that refuses its sample is left to the proof.
  private func parameterNames() -> [String] {
    guard layer.parameter_count > 0, let sample = spec.samples.first else { return [] }
    do {
      let attributes = try Attributes(checking: sample.attributes, against: spec.attributes, owner: "")
      return try PluginLayer(self, attributes).parameters(sample.inputs).map(\.name)
    } catch { return [] }
  }

  private static func names(_ stem: String, _ count: Int32) -> [String] {
    count == 1 ? [stem] : (0..<max(count, 0)).map { "\(stem)\($0)" }
  }

  private static func readName(_ text: UnsafePointer<CChar>?, _ index: Int) throws(DenpaError) -> String {
    let name: String
    do { name = try CText.read(text, limit: CText.nameLimit, "layer \(index): its name") } catch {
      throw DenpaError(.badPlugin, error.message)
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2 else {
      throw DenpaError(
        .badPlugin,
        "layer \"\(name)\": the name has no namespace: expected \"vendor.\(name)\", so that it clashes with nobody's"
      )
    }
    let wellFormed = parts.allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { byte in
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
    }
    guard wellFormed else {
      throw DenpaError(
        .badPlugin,
        "layer \"\(name)\": expected lower-case letters, digits and '_' around each '.' of the name")
    }
    return name
  }

  private static func checkNumbers(_ layer: denpa_layer) throws(DenpaError) {
    func check(_ count: Int32, _ name: String, _ range: ClosedRange<Int32>) throws(DenpaError) {
      guard range.contains(count) else {
        throw DenpaError(
          .badPlugin, "\(name) is \(count): expected \(range.lowerBound) to \(range.upperBound)")
      }
    }
    guard layer.version >= 0 else {
      throw DenpaError(.badPlugin, "version is \(layer.version): expected 0 or more")
    }
    try check(layer.input_count, "input_count", 1...maximumPorts)
    try check(layer.output_count, "output_count", 1...maximumPorts)
    try check(layer.parameter_count, "parameter_count", 0...maximumPorts)
    try check(layer.saved_count, "saved_count", 0...maximumPorts)
    try check(layer.attribute_count, "attribute_count", 0...maximumPorts)
    guard layer.sample_count > 0 else {
      throw DenpaError(
        .badPlugin, "sample_count is \(layer.sample_count): a layer needs at least one sample for its proof")
    }
    try check(layer.sample_count, "sample_count", 1...maximumSamples)
    guard layer.role == DENPA_LAYER || layer.role == DENPA_LOSS else {
      throw DenpaError(.badPlugin, "role is \(layer.role): expected DENPA_LAYER or DENPA_LOSS")
    }
    guard layer.role == DENPA_LAYER || (layer.input_count == 2 && layer.output_count == 1) else {
      throw DenpaError(
        .badPlugin,
        "a loss has 2 inputs (prediction, target) and 1 output, got \(layer.input_count) and \(layer.output_count)"
      )
    }
    guard layer.flags & ~knownFlags == 0 else {
      throw DenpaError(.badPlugin, "flags has unknown bits: \(layer.flags & ~knownFlags)")
    }
    guard layer.dtypes != 0, layer.dtypes & ~knownDTypes == 0 else {
      throw DenpaError(
        .badPlugin,
        "dtypes is \(layer.dtypes): expected DENPA_SUPPORTS_FLOAT32, DENPA_SUPPORTS_FLOAT64 or both")
    }
  }

  private static func checkCallbacks(_ layer: denpa_layer) throws(DenpaError) {
    guard layer.forward != nil else { throw DenpaError(.badPlugin, "forward is NULL: every layer needs one") }
    guard layer.parameter_count == 0 || layer.parameter != nil else {
      throw DenpaError(.badPlugin, "parameter is NULL, while parameter_count is \(layer.parameter_count)")
    }
    guard layer.saved_count == 0 || layer.saved != nil else {
      throw DenpaError(.badPlugin, "saved is NULL, while saved_count is \(layer.saved_count)")
    }
    guard layer.attribute_count == 0 || layer.attributes != nil else {
      throw DenpaError(.badPlugin, "attributes is NULL, while attribute_count is \(layer.attribute_count)")
    }
    guard layer.samples != nil else {
      throw DenpaError(.badPlugin, "samples is NULL, while sample_count is \(layer.sample_count)")
    }
  }
}

/// Structs that may be larger than this version's.
public enum StructTail {
  /// Far more than any struct of any version.
  public static let absurd = 4096

  /// Whether all of a struct's `size` bytes after the `known` ones are 0.
  public static func isZero(_ pointer: UnsafeRawPointer, from known: Int, to size: Int) -> Bool {
    var offset = known
    while offset < size, pointer.load(fromByteOffset: offset, as: UInt8.self) == 0 { offset += 1 }
    return offset >= size
  }
}

/// Structs that begin with their own size.
enum PluginStruct {
  /// Copies a struct that the plugin may have compiled with a larger definition; the size is checked first.
  static func read<T>(
    _ pointer: UnsafePointer<T>?, _ type: StaticString, _ owner: Message
  ) throws(DenpaError) -> T {
    guard let pointer else { throw DenpaError(.badPlugin, "\(owner): the pointer to its \(type) is NULL") }
    guard UInt(bitPattern: pointer) % UInt(MemoryLayout<T>.alignment) == 0 else {
      throw DenpaError(.badPlugin, "\(owner): the pointer to its \(type) is not aligned")
    }
    let given = UnsafeRawPointer(pointer).load(as: Int.self)
    try check(given, MemoryLayout<T>.size, type, owner)
    try checkTail(pointer, MemoryLayout<T>.size, given, type, owner)
    return pointer.pointee
  }

  @inline(never)
  static func checkTail(
    _ pointer: UnsafeRawPointer, _ known: Int, _ size: Int, _ type: StaticString, _ owner: Message
  ) throws(DenpaError) {
    guard StructTail.isZero(pointer, from: known, to: size) else {
      throw DenpaError(
        .badPlugin,
        "\(owner): its \(type) has something that is not 0 behind the \(known) bytes of ABI version \(DENPA_PLUGIN_ABI)"
      )
    }
  }

  static func check(_ given: Int, _ known: Int, _ type: StaticString, _ owner: Message) throws(DenpaError) {
    guard given != 0 else {
      throw DenpaError(.badPlugin, "\(owner): struct_size is 0: set it to sizeof(\(type))")
    }
    guard given > 0, given <= StructTail.absurd else {
      throw DenpaError(
        .badPlugin, "\(owner): struct_size is \(given), which no \(type) can have: set it to sizeof(\(type))")
    }
    guard given >= known else {
      throw DenpaError(
        .badPlugin,
        "\(owner): struct_size is \(given), while \(type) of ABI version \(DENPA_PLUGIN_ABI) has \(known) bytes: compile it with the denpa_plugin.h of this library"
      )
    }
  }
}
