import DenpaCore
import DenpaGraph

/// The layers, losses and initializers that come with the library: a line each.
public enum BuiltIn {
  public static let layers: [LayerDefinition] = [
    LayerDefinition(Add.self),
    LayerDefinition(Concat.self),
    LayerDefinition(CrossEntropy.self),
    LayerDefinition(Dense.self),
    LayerDefinition(Erf.self),
    LayerDefinition(Exp.self),
    LayerDefinition(Flatten.self),
    LayerDefinition(GELU.self),
    LayerDefinition(Identity.self),
    LayerDefinition(MeanSquaredError.self),
    LayerDefinition(ReLU.self),
    LayerDefinition(Reshape.self),
    LayerDefinition(Sigmoid.self),
    LayerDefinition(Slice.self),
    LayerDefinition(Softmax.self),
    LayerDefinition(SoftmaxCrossEntropy.self),
    LayerDefinition(Stack.self),
    LayerDefinition(Tanh.self),
    LayerDefinition(Transpose.self),
  ]

  /// Adds them to a registry; does nothing where they are there already.
  public static func register(in registry: Registry = .shared) throws(DenpaError) {
    for initializer in Initializers.all { registry.add(initializer) }
    guard !registry.has(layers[0].spec.kind) else { return }
    try registry.add(layers)
  }
}
