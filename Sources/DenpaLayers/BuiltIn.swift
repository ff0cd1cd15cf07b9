import DenpaCore
import DenpaGraph

/// The layers, losses and initializers that come with the library, one per line.
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

  /// Adds them to a registry; has no effect if they are already there.
  public static func register(in registry: Registry = .shared) throws(DenpaError) {
    for initializer in Initializers.all { registry.add(initializer) }
    guard !registry.has(layers[0].spec.kind) else { return }
    try registry.add(layers)
  }
}
