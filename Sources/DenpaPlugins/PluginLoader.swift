import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaInspect
import Glibc

/// Adds layers at run time: from shared objects, and from the program itself.
public enum PluginLoader {
  /// Loads a plugin, registers its layers, all or none, and returns their names. With `prove` each must pass
  /// the proof first.
  ///
  /// The plugin's code runs in this process and is never unloaded, even if it is refused.
  public static func load(
    path: String, prove: Bool, registry: Registry = .shared
  ) throws(DenpaError) -> [String] {
    let object = try SharedObject(path: path)
    let reservation = try Reservation(object)
    let definitions = try describe(object, reservation.spelling)
    do {
      try add(definitions, prove: prove, registry: registry)
    } catch {
      throw error.inside("plugin \"\(object.path)\"")
    }
    reservation.keep()
    return definitions.map(\.spec.kind)
  }

  /// Registers a layer described by the program and returns its name.
  public static func register(
    _ layer: UnsafePointer<denpa_layer>?, userData: UnsafeMutableRawPointer?, prove: Bool,
    registry: Registry = .shared
  ) throws(DenpaError) -> String {
    guard let layer else { throw DenpaError(.badArgument, "the layer is NULL") }
    let definition = try PluginDefinition(layer, userData: .some(userData), plugin: "program", index: 0)
      .definition
    try add([definition], prove: prove, registry: registry)
    return definition.spec.kind
  }

  /// Detects a taken name before running a useless proof; the registry does so again when the layers are
  /// added.
  private static func add(_ definitions: [LayerDefinition], prove: Bool, registry: Registry)
    throws(DenpaError)
  {
    let taken = registry.layers.map(\.spec.kind)
    for (index, definition) in definitions.enumerated() {
      let kind = definition.spec.kind
      guard !taken.contains(kind) else {
        throw DenpaError(.alreadyExists, "a layer named \"\(kind)\" is registered already; nothing was added")
      }
      guard !definitions[..<index].contains(where: { $0.spec.kind == kind }) else {
        throw DenpaError(.badPlugin, "two layers of the plugin are named \"\(kind)\"")
      }
    }
    var definitions = definitions
    if prove {
      for index in definitions.indices {
        let findings = try Conformance.prove(definitions[index])
        if let failure = findings.first(where: { !$0.passed }) {
          throw DenpaError(
            .proofFailed,
            "layer \"\(definitions[index].spec.kind)\" is refused, \(failure.check): \(failure.text)")
        }
        definitions[index].proved = true
      }
    }
    try registry.add(definitions)
  }

  // MARK: The entry function

  private static let lastKnownEntry = 9

  private static func describe(_ object: SharedObject, _ spelling: String) throws(DenpaError)
    -> [LayerDefinition]
  {
    let handle = try object.load(as: spelling)
    let owner: Message = "plugin \"\(object.path)\""
    guard let symbol = dlsym(handle, DENPA_PLUGIN_ENTRY) else {
      for version in 0...lastKnownEntry where dlsym(handle, "denpa_plugin_entry_v\(version)") != nil {
        throw DenpaError(
          .badPlugin,
          "\(owner) is made for version \(version) of the plugin ABI; this library speaks version \(DENPA_PLUGIN_ABI)"
        )
      }
      throw DenpaError(
        .badPlugin,
        "\(owner) exports no function \(DENPA_PLUGIN_ENTRY): it is no plugin of Denpa's, or hides its entry"
      )
    }
    // With extra room: a plugin compiled with a longer struct must not write past it.
    let memory = try Buffer(byteCount: StructTail.absurd, zeroed: true, "a plugin's description")
    let plugin = memory.base.bindMemory(to: denpa_plugin.self, capacity: 1)
    plugin.pointee.struct_size = MemoryLayout<denpa_plugin>.size
    plugin.pointee.abi = -1
    var text = FailureText()
    let answer = withUnsafeMutablePointer(to: &text) { place in
      Callback.run(place) { denpa_shim_enter(symbol, PluginHost.table, plugin, Callback.note, place) }
    }
    if answer != 0 || text.isException {
      let name: StaticString = "its entry function"
      let error = text.isException ? text.exception(.badPlugin, name) : Callback.error(answer, text, name)
      throw error.inside(owner)
    }
    return try withExtendedLifetime(memory) { () throws(DenpaError) in try read(plugin, owner) }
  }

  private static let maximumLayers: Int32 = 1024

  private static func read(
    _ pointer: UnsafePointer<denpa_plugin>, _ owner: Message
  ) throws(DenpaError) -> [LayerDefinition] {
    let plugin = pointer.pointee
    guard plugin.abi == DENPA_PLUGIN_ABI else {
      throw DenpaError(
        .badPlugin,
        plugin.abi == -1
          ? "\(owner): its entry function did not set abi: set it to DENPA_PLUGIN_ABI"
          : "\(owner): abi is \(plugin.abi); this library speaks version \(DENPA_PLUGIN_ABI) of the plugin ABI, and no other"
      )
    }
    try PluginStruct.check(plugin.struct_size, MemoryLayout<denpa_plugin>.size, "denpa_plugin", owner)
    try PluginStruct.checkTail(
      pointer, MemoryLayout<denpa_plugin>.size, plugin.struct_size, "denpa_plugin", owner)
    let name: String
    do {
      name = try CText.read(plugin.name, limit: CText.nameLimit, "its name")
      _ = try CText.read(plugin.version, limit: CText.nameLimit, "its version")
    } catch {
      throw DenpaError(.badPlugin, "\(owner): \(error.message)")
    }
    guard (1...maximumLayers).contains(plugin.layer_count) else {
      throw DenpaError(
        .badPlugin, "\(owner): layer_count is \(plugin.layer_count): expected 1 to \(maximumLayers)")
    }
    guard let layers = plugin.layers else {
      throw DenpaError(.badPlugin, "\(owner): layers is NULL, while layer_count is \(plugin.layer_count)")
    }
    var result: [LayerDefinition] = []
    for index in 0..<Int(plugin.layer_count) {
      do {
        result.append(try PluginDefinition(layers[index], plugin: name, index: index).definition)
      } catch {
        throw error.inside(owner)
      }
    }
    return result
  }
}

/// The files that were loaded or are being loaded: a second load of the same file is refused, in any thread.
///
/// No lock is held while a plugin's code runs.
private final class Reservation {
  private struct File: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  private static let mutex = Mutex()
  nonisolated(unsafe) private static var files: Set<File> = []
  nonisolated(unsafe) private static var attempts: [String: Int] = [:]
  private let file: File
  /// The file's path, with one more leading '/' at each attempt: the dynamic linker takes a known name for
  /// the object it has already loaded, and would never read a file that was rebuilt after a refusal.
  let spelling: String
  private var isKept = false

  init(_ object: SharedObject) throws(DenpaError) {
    let file = File(device: object.device, inode: object.inode)
    self.file = file
    let attempt = Reservation.mutex.withLock { () -> Int? in
      guard Reservation.files.insert(file).inserted else { return nil }
      Reservation.attempts[object.path, default: -1] += 1
      return Reservation.attempts[object.path]
    }
    spelling = String(repeating: "/", count: attempt ?? 0) + object.path
    guard attempt != nil else {
      isKept = true
      throw DenpaError(.alreadyExists, "plugin \"\(object.path)\" is loaded already")
    }
  }

  func keep() { isKept = true }

  deinit {
    guard !isKept else { return }
    _ = Reservation.mutex.withLock { Reservation.files.remove(file) }
  }
}
