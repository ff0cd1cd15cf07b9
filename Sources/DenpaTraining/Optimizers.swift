import DenpaGraph

/// The optimizers that come with the library: a line each.
public enum Optimizers {
  public static func register(in registry: Registry = .shared) {
    registry.add(Adam.definition)
    registry.add(AdamW.definition)
    registry.add(SGD.definition)
  }
}
