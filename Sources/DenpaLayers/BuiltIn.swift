import DenpaCore
import DenpaGraph

/// The layers, losses and initializers that come with the library, one per line.
public enum BuiltIn {
  public static let layers: [LayerDefinition] = [
    LayerDefinition(Abs.self),
    LayerDefinition(Add.self),
    LayerDefinition(BatchNorm.self),
    LayerDefinition(CELU.self),
    LayerDefinition(Concat.self),
    LayerDefinition(Constant.self),
    LayerDefinition(Conv2D.self),
    LayerDefinition(CrossEntropy.self),
    LayerDefinition(Dense.self),
    LayerDefinition(Divide.self),
    LayerDefinition(Dropout.self),
    LayerDefinition(ELU.self),
    LayerDefinition(Embedding.self),
    LayerDefinition(Erf.self),
    LayerDefinition(Exp.self),
    LayerDefinition(Flatten.self),
    LayerDefinition(GELU.self),
    LayerDefinition(GLU.self),
    LayerDefinition(HardSigmoid.self),
    LayerDefinition(HardSwish.self),
    LayerDefinition(HardTanh.self),
    LayerDefinition(Identity.self),
    LayerDefinition(LayerNorm.self),
    LayerDefinition(LeakyReLU.self),
    LayerDefinition(Log.self),
    LayerDefinition(LogSigmoid.self),
    LayerDefinition(Matmul.self),
    LayerDefinition(Maximum.self),
    LayerDefinition(MeanSquaredError.self),
    LayerDefinition(Minimum.self),
    LayerDefinition(Mish.self),
    LayerDefinition(Multiply.self),
    LayerDefinition(Negate.self),
    LayerDefinition(PReLU.self),
    LayerDefinition(Power.self),
    LayerDefinition(RMSNorm.self),
    LayerDefinition(ReLU.self),
    LayerDefinition(ReLU6.self),
    LayerDefinition(ReduceMax.self),
    LayerDefinition(ReduceMean.self),
    LayerDefinition(ReduceSum.self),
    LayerDefinition(Reshape.self),
    LayerDefinition(SELU.self),
    LayerDefinition(SiLU.self),
    LayerDefinition(Sigmoid.self),
    LayerDefinition(Slice.self),
    LayerDefinition(Softmax.self),
    LayerDefinition(SoftmaxCrossEntropy.self),
    LayerDefinition(Softplus.self),
    LayerDefinition(Softsign.self),
    LayerDefinition(Split.self),
    LayerDefinition(Sqrt.self),
    LayerDefinition(Square.self),
    LayerDefinition(Stack.self),
    LayerDefinition(Step.self),
    LayerDefinition(Subtract.self),
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
