import DenpaKernelTypes

/// The vector register that this module uses.
#if DENPA_F64
  typealias V = Doubles
#else
  typealias V = Floats
#endif

/// Returns the kernels of this module's instruction set and float dtype; the module's only public symbol
/// (docs/design.md, "Kernels").
public func kernelTable() -> KernelTable {
  KernelTable(
    step,
    productStep: {
      switch denseRowFunction(V.self, $0) {
      case .identityOfOne: return { arguments, _ in denseRowOfOne(V.self, arguments) }
      case .function(Function.identity.rawValue):
        return { arguments, _ in denseRow(V.self, Identity.self, arguments) }
      case .function(Function.sigmoid.rawValue):
        return { arguments, _ in denseRow(V.self, Sigmoid.self, arguments) }
      case .function(Function.tanh.rawValue):
        return { arguments, _ in denseRow(V.self, Tanh.self, arguments) }
      case .function(Function.relu.rawValue):
        return { arguments, _ in denseRow(V.self, Relu.self, arguments) }
      case .function, .none: return nil
      }
    },
    denseRowGradientStep: {
      fitsDenseRow(V.self, $0) ? { arguments, _ in denseRowGradient(V.self, arguments) } : nil
    },
    productWorkspace: { productWorkspace(V.self, $0, $1) })
}

/// C functions cannot be formed in generic code, so each kernel is written out here with its register type.
private func step(_ kernel: Kernel) -> Step {
  switch kernel {
  case .product:
    return {
      product(
        V.self, $0, $1,
        { context, chunk, _ in packChunk(context.assumingMemoryBound(to: ProductPlan<V>.self), Int(chunk)) },
        { context, chunk, worker in
          computeChunk(context.assumingMemoryBound(to: ProductPlan<V>.self), Int(chunk), Int(worker))
        })
    }
  case .map: return { divide(Map<V>.self, $0, $1) { c, k, _ in runChunk(Map<V>.self, c, k) } }
  case .mapGradient:
    return { divide(MapGradient<V>.self, $0, $1) { c, k, _ in runChunk(MapGradient<V>.self, c, k) } }
  case .binary: return { divide(Binary<V>.self, $0, $1) { c, k, _ in runChunk(Binary<V>.self, c, k) } }
  case .binaryGradient:
    return {
      divide(BinaryGradient<V>.self, $0, $1) { c, k, _ in runChunk(BinaryGradient<V>.self, c, k) }
    }
  case .scale: return { divide(Scale<V>.self, $0, $1) { c, k, _ in runChunk(Scale<V>.self, c, k) } }
  case .finite: return { divide(Finite<V>.self, $0, $1) { c, k, _ in runChunk(Finite<V>.self, c, k) } }
  case .stridedCopy:
    return { divide(StridedCopy<V>.self, $0, $1) { c, k, _ in runChunk(StridedCopy<V>.self, c, k) } }
  case .columnSum:
    return { divide(ColumnSum<V>.self, $0, $1) { c, k, _ in runChunk(ColumnSum<V>.self, c, k) } }
  case .sumAxes:
    return { divide(SumAxes<V>.self, $0, $1) { c, k, _ in runChunk(SumAxes<V>.self, c, k) } }
  case .maxAxes:
    return { divide(MaxAxes<V>.self, $0, $1) { c, k, _ in runChunk(MaxAxes<V>.self, c, k) } }
  case .maxAxesGradient:
    return {
      divide(MaxAxesGradient<V>.self, $0, $1) { c, k, _ in runChunk(MaxAxesGradient<V>.self, c, k) }
    }
  case .dropout: return { Dropout<V>.call($0, $1) { c, k, _ in runChunk(Dropout<V>.self, c, k) } }
  case .gaussianNoise:
    return { GaussianNoise<V>.call($0, $1) { c, k, _ in runChunk(GaussianNoise<V>.self, c, k) } }
  case .addRows:
    return { divide(AddRows<V>.self, $0, $1) { c, k, _ in runChunk(AddRows<V>.self, c, k) } }
  case .softmax: return { divide(Softmax<V>.self, $0, $1) { c, k, _ in runChunk(Softmax<V>.self, c, k) } }
  case .softmaxGradient:
    return { divide(SoftmaxGradient<V>.self, $0, $1) { c, k, _ in runChunk(SoftmaxGradient<V>.self, c, k) } }
  case .logSoftmax:
    return { divide(LogSoftmax<V>.self, $0, $1) { c, k, _ in runChunk(LogSoftmax<V>.self, c, k) } }
  case .logSoftmaxGradient:
    return {
      divide(LogSoftmaxGradient<V>.self, $0, $1) { c, k, _ in runChunk(LogSoftmaxGradient<V>.self, c, k) }
    }
  case .crossEntropy:
    return { CrossEntropy<V>.call($0, $1) { c, k, _ in runLossChunk(CrossEntropy<V>.self, c, k) } }
  case .crossEntropyGradient:
    return {
      divide(CrossEntropyGradient<V>.self, $0, $1) { c, k, _ in
        runChunk(CrossEntropyGradient<V>.self, c, k)
      }
    }
  case .classTargets:
    return { ClassTargets<V>.call($0, $1) { c, k, _ in runChunk(ClassTargets<V>.self, c, k) } }
  case .squaredError:
    return { SquaredError<V>.call($0, $1) { c, k, _ in runLossChunk(SquaredError<V>.self, c, k) } }
  case .squaredErrorGradient:
    return {
      divide(SquaredErrorGradient<V>.self, $0, $1) { c, k, _ in runChunk(SquaredErrorGradient<V>.self, c, k) }
    }
  case .elementLoss:
    return { ElementLoss<V>.call($0, $1) { c, k, _ in runLossChunk(ElementLoss<V>.self, c, k) } }
  case .cosineLoss:
    return { CosineLoss<V>.call($0, $1) { c, k, _ in runLossChunk(CosineLoss<V>.self, c, k) } }
  case .sgd: return { divide(SGD<V>.self, $0, $1) { c, k, _ in runChunk(SGD<V>.self, c, k) } }
  case .adam: return { divide(Adam<V>.self, $0, $1) { c, k, _ in runChunk(Adam<V>.self, c, k) } }
  case .update: return { divide(Update<V>.self, $0, $1) { c, k, _ in runChunk(Update<V>.self, c, k) } }
  case .sumSquares:
    return { SumSquares<V>.call($0, $1) { c, k, _ in runLossChunk(SumSquares<V>.self, c, k) } }
  case .clip: return { divide(Clip<V>.self, $0, $1) { c, k, _ in runChunk(Clip<V>.self, c, k) } }
  }
}
