import DenpaCore
import DenpaGraph

/// Everything registered, as JSON, from which bindings make their classes and documentation.
public enum RegistryListing {
  public static func json(_ registry: Registry = .shared) -> JSON {
    let layers = registry.layers
    return [
      "layers": .array(layers.filter { $0.spec.role == .layer }.map(layer)),
      "losses": .array(layers.filter { $0.spec.role == .loss }.map(layer)),
      "optimizers": .array(
        registry.optimizers.map { entry($0.kind, $0.summary, $0.details, $0.attributes) }.map(JSON.object)),
      "initializers": .array(
        registry.initializers.map { entry($0.kind, $0.summary, $0.details, $0.attributes) }.map(JSON.object)),
      "metrics": .array(registry.metrics.map(metric)),
      "schedules": .array(
        registry.schedules.map { entry($0.kind, $0.summary, $0.details, $0.attributes) }.map(JSON.object)),
    ]
  }

  private static func entry(
    _ kind: String, _ summary: String, _ details: String, _ attributes: [AttributeSpec]
  ) -> JSONObject {
    var object = JSONObject()
    object["kind"] = .string(kind)
    object["summary"] = .string(summary)
    object["doc"] = .string(details)
    object["attributes"] = .array(attributes.map(attribute))
    return object
  }

  private static func metric(_ definition: MetricDefinition) -> JSON {
    var object = entry(definition.kind, definition.summary, definition.details, definition.attributes)
    object["higher_is_better"] = .bool(definition.isBetterHigher)
    return .object(object)
  }

  private static func layer(_ definition: LayerDefinition) -> JSON {
    let spec = definition.spec
    var object = entry(spec.kind, spec.summary, spec.details, spec.attributes)
    object["version"] = .integer(Int64(spec.version))
    object["plugin"] = spec.plugin.map { .string($0) } ?? .null
    object["proved"] = .bool(definition.proved)
    object["differentiable"] = .bool(spec.differentiable)
    object["dtypes"] = .strings(spec.dtypes.map(\.name))
    object["inputs"] = .strings(spec.inputs)
    object["variadic"] = .bool(spec.variadic)
    object["outputs"] = .strings(spec.outputs)
    object["variadic_outputs"] = .bool(spec.variadicOutputs)
    object["parameters"] = .strings(spec.parameters)
    if spec.role == .loss { object["decisions"] = spec.decisions.map { .string($0.rawValue) } ?? .null }
    return .object(object)
  }

  private static func attribute(_ spec: AttributeSpec) -> JSON {
    [
      "name": .string(spec.name), "type": .string(spec.type.rawValue),
      "required": .bool(spec.defaultValue == nil),
      "default": spec.defaultValue.map(GraphCoding.encode) ?? .null,
      "minimum": spec.minimum.map { .number($0) } ?? .null,
      "maximum": spec.maximum.map { .number($0) } ?? .null,
      "choices": spec.choices.isEmpty ? .null : .strings(spec.choices),
      "category": spec.type == .spec ? .string(spec.category) : .null, "summary": .string(spec.summary),
    ]
  }
}
