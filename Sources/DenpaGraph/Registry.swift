import DenpaCore

/// A layer's description, and how to make an instance.
public struct LayerDefinition: Sendable {
  public var spec: LayerSpec
  /// False for a layer that is to be proved on request (DENPA_ON_REQUEST), until it has been proved.
  public var proved: Bool
  public var make: @Sendable (Attributes) throws(DenpaError) -> any Layer

  public init(
    spec: LayerSpec, proved: Bool = true,
    make: @escaping @Sendable (Attributes) throws(DenpaError) -> any Layer
  ) {
    self.spec = spec
    self.proved = proved
    self.make = make
  }

  public init<L: BuiltInLayer>(_ type: L.Type) {
    self.init(spec: type.spec) { (attributes) throws(DenpaError) in try L(attributes) }
  }
}

/// The layers, losses, optimizers, initializers, metrics and schedules by name. The process has one registry, `shared`; entries
/// are added, never removed.
public final class Registry: @unchecked Sendable {
  public static let shared = Registry()

  private let mutex = Mutex()
  private var layerTable: [String: LayerDefinition] = [:]
  private var optimizerTable: [String: OptimizerDefinition] = [:]
  private var initializerTable: [String: InitializerDefinition] = [:]
  private var metricTable: [String: MetricDefinition] = [:]
  private var scheduleTable: [String: ScheduleDefinition] = [:]

  public init() {}

  /// Adds all definitions or none. Layers and losses share one namespace.
  public func add(_ definitions: [LayerDefinition]) throws(DenpaError) {
    try mutex.withLock { () throws(DenpaError) in
      for (index, definition) in definitions.enumerated() {
        let kind = definition.spec.kind
        try Registry.checkKind(kind)
        guard layerTable[kind] == nil, !definitions[..<index].contains(where: { $0.spec.kind == kind }) else {
          throw DenpaError(.alreadyExists, "a layer named \"\(kind)\" is registered already")
        }
      }
      var table = layerTable
      for definition in definitions { table[definition.spec.kind] = definition }
      try checkMemory("the registry")
      layerTable = table
    }
  }

  public func add(_ optimizer: OptimizerDefinition) {
    mutex.withLock { optimizerTable[optimizer.kind] = optimizer }
  }
  public func add(_ initializer: InitializerDefinition) {
    mutex.withLock { initializerTable[initializer.kind] = initializer }
  }
  public func add(_ metric: MetricDefinition) { mutex.withLock { metricTable[metric.kind] = metric } }
  public func add(_ schedule: ScheduleDefinition) {
    mutex.withLock { scheduleTable[schedule.kind] = schedule }
  }

  public func has(_ kind: String) -> Bool { mutex.withLock { layerTable[kind] != nil } }

  public func markProved(_ kind: String) { mutex.withLock { layerTable[kind]?.proved = true } }

  public var layers: [LayerDefinition] {
    mutex.withLock { layerTable.values.sorted { $0.spec.kind < $1.spec.kind } }
  }
  public var optimizers: [OptimizerDefinition] {
    mutex.withLock { optimizerTable.values.sorted { $0.kind < $1.kind } }
  }
  public var initializers: [InitializerDefinition] {
    mutex.withLock { initializerTable.values.sorted { $0.kind < $1.kind } }
  }

  public var metrics: [MetricDefinition] {
    mutex.withLock { metricTable.values.sorted { $0.kind < $1.kind } }
  }
  public var schedules: [ScheduleDefinition] {
    mutex.withLock { scheduleTable.values.sorted { $0.kind < $1.kind } }
  }

  public func layer(_ kind: String) throws(DenpaError) -> LayerDefinition {
    if let found = mutex.withLock({ layerTable[kind] }) { return found }
    let known = layers.filter { $0.spec.role == .layer }.map(\.spec.kind)
    throw DenpaError(
      .notRegistered,
      kind.contains(".")
        ? "no layer is registered as \"\(kind)\": load the plugin that has it first"
        : "no layer is registered as \"\(kind)\"; layers are \(list: known, limit: 24)")
  }

  public func loss(_ kind: String) throws(DenpaError) -> LayerDefinition {
    if let found = mutex.withLock({ layerTable[kind] }), found.spec.role == .loss { return found }
    let known = layers.filter { $0.spec.role == .loss }.map(\.spec.kind)
    throw DenpaError(
      .notRegistered, "no loss is registered as \"\(kind)\"; losses are \(list: known, limit: 24)")
  }

  public func optimizer(_ kind: String) throws(DenpaError) -> OptimizerDefinition {
    if let found = mutex.withLock({ optimizerTable[kind] }) { return found }
    throw unknown("optimizer", kind, optimizers.map(\.kind))
  }

  public func initializer(_ kind: String) throws(DenpaError) -> InitializerDefinition {
    if let found = mutex.withLock({ initializerTable[kind] }) { return found }
    throw unknown("initializer", kind, initializers.map(\.kind))
  }

  public func metric(_ kind: String) throws(DenpaError) -> MetricDefinition {
    if let found = mutex.withLock({ metricTable[kind] }) { return found }
    throw unknown("metric", kind, metrics.map(\.kind))
  }

  public func schedule(_ kind: String) throws(DenpaError) -> ScheduleDefinition {
    if let found = mutex.withLock({ scheduleTable[kind] }) { return found }
    throw unknown("schedule", kind, schedules.map(\.kind))
  }

  private func unknown(_ category: StaticString, _ kind: String, _ known: [String]) -> DenpaError {
    DenpaError(
      .notRegistered,
      "no \(category) is registered as \"\(kind)\"; \(category)s are \(list: known, limit: 24)")
  }

  private static func checkKind(_ kind: String) throws(DenpaError) {
    let allowed = kind.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }
    guard allowed, !kind.isEmpty, kind.utf8.count <= 255 else {
      throw DenpaError(
        .badArgument,
        "\"\(kind)\" is no name for a layer: lower-case letters, digits, '_' and '.', at most 255")
    }
  }
}
