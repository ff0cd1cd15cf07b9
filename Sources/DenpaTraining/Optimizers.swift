import DenpaGraph

/// The optimizers that come with the library: a line each.
public enum Optimizers {
  public static func register(in registry: Registry = .shared) {
    registry.add(Adadelta.definition)
    registry.add(Adafactor.definition)
    registry.add(Adagrad.definition)
    registry.add(Adam.definition)
    registry.add(AdamW.definition)
    registry.add(Adamax.definition)
    registry.add(LAMB.definition)
    registry.add(Lion.definition)
    registry.add(LevenbergMarquardt.definition)
    registry.add(LBFGS.definition)
    registry.add(Muon.definition)
    registry.add(NAdam.definition)
    registry.add(RAdam.definition)
    registry.add(RMSProp.definition)
    registry.add(Rprop.definition)
    registry.add(SGD.definition)
  }
}
