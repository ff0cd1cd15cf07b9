import DenpaKernelTypes

/// The kernels of this module's instruction set. Nothing else of the module is public (docs/design.md, "Kernels").
public func kernelSet() -> KernelSet {
  #if DENPA_AVX512
    let name: StaticString = "avx512"
  #elseif DENPA_AVX2
    let name: StaticString = "avx2"
  #elseif arch(arm64)
    let name: StaticString = "neon"
  #else
    let name: StaticString = "sse2"
  #endif
  return KernelSet(name: name, float32: float32(), float64: float64())
}

// C function pointers cannot be formed from generic code: so each table is written out, the kernels behind it are generic.

private func float32() -> KernelTable {
  KernelTable(
    product: {
      product(
        Floats.self, $0, $1,
        { context, chunk, _ in packChunk(context.assumingMemoryBound(to: ProductPlan<Floats>.self), Int(chunk)) },
        { context, chunk, worker in
          computeChunk(context.assumingMemoryBound(to: ProductPlan<Floats>.self), Int(chunk), Int(worker))
        })
    },
    productStep: {
      switch denseRowFunction(Floats.self, $0) {
      case .identityOfOne: return { arguments, _ in denseRowOfOne(Floats.self, arguments) }
      case .function(.identity): return { arguments, _ in denseRow(Floats.self, Identity.self, arguments) }
      case .function(.sigmoid): return { arguments, _ in denseRow(Floats.self, Sigmoid.self, arguments) }
      case .function(.tanh): return { arguments, _ in denseRow(Floats.self, Tanh.self, arguments) }
      case .function(.relu): return { arguments, _ in denseRow(Floats.self, Relu.self, arguments) }
      case .function, .none: return nil
      }
    },
    denseRowGradientStep: {
      fitsDenseRow(Floats.self, $0) ? { arguments, _ in denseRowGradient(Floats.self, arguments) } : nil
    },
    map: { divide(Map<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Map<Floats>.self, context, chunk) } },
    mapGradient: {
      divide(MapGradient<Floats>.self, $0, $1) { context, chunk, _ in runChunk(MapGradient<Floats>.self, context, chunk)
      }
    },
    add: { divide(Add<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Add<Floats>.self, context, chunk) } },
    scale: { divide(Scale<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Scale<Floats>.self, context, chunk) } },
    columnSum: {
      divide(ColumnSum<Floats>.self, $0, $1) { context, chunk, _ in runChunk(ColumnSum<Floats>.self, context, chunk) }
    },
    softmax: {
      divide(Softmax<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Softmax<Floats>.self, context, chunk) }
    },
    softmaxGradient: {
      divide(SoftmaxGradient<Floats>.self, $0, $1) { context, chunk, _ in
        runChunk(SoftmaxGradient<Floats>.self, context, chunk)
      }
    },
    crossEntropy: {
      CrossEntropy<Floats>.call($0, $1) { context, chunk, _ in runLossChunk(CrossEntropy<Floats>.self, context, chunk) }
    },
    crossEntropyGradient: {
      divide(CrossEntropyGradient<Floats>.self, $0, $1) { context, chunk, _ in
        runChunk(CrossEntropyGradient<Floats>.self, context, chunk)
      }
    },
    squaredError: {
      SquaredError<Floats>.call($0, $1) { context, chunk, _ in runLossChunk(SquaredError<Floats>.self, context, chunk) }
    },
    squaredErrorGradient: {
      divide(SquaredErrorGradient<Floats>.self, $0, $1) { context, chunk, _ in
        runChunk(SquaredErrorGradient<Floats>.self, context, chunk)
      }
    },
    sgd: { divide(SGD<Floats>.self, $0, $1) { context, chunk, _ in runChunk(SGD<Floats>.self, context, chunk) } },
    adam: { divide(Adam<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Adam<Floats>.self, context, chunk) } },
    finite: {
      divide(Finite<Floats>.self, $0, $1) { context, chunk, _ in runChunk(Finite<Floats>.self, context, chunk) }
    },
    productWorkspace: { productWorkspace(Floats.self, $0, $1) })
}

private func float64() -> KernelTable {
  KernelTable(
    product: {
      product(
        Doubles.self, $0, $1,
        { context, chunk, _ in packChunk(context.assumingMemoryBound(to: ProductPlan<Doubles>.self), Int(chunk)) },
        { context, chunk, worker in
          computeChunk(context.assumingMemoryBound(to: ProductPlan<Doubles>.self), Int(chunk), Int(worker))
        })
    },
    productStep: {
      switch denseRowFunction(Doubles.self, $0) {
      case .identityOfOne: return { arguments, _ in denseRowOfOne(Doubles.self, arguments) }
      case .function(.identity): return { arguments, _ in denseRow(Doubles.self, Identity.self, arguments) }
      case .function(.sigmoid): return { arguments, _ in denseRow(Doubles.self, Sigmoid.self, arguments) }
      case .function(.tanh): return { arguments, _ in denseRow(Doubles.self, Tanh.self, arguments) }
      case .function(.relu): return { arguments, _ in denseRow(Doubles.self, Relu.self, arguments) }
      case .function, .none: return nil
      }
    },
    denseRowGradientStep: {
      fitsDenseRow(Doubles.self, $0) ? { arguments, _ in denseRowGradient(Doubles.self, arguments) } : nil
    },
    map: { divide(Map<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Map<Doubles>.self, context, chunk) } },
    mapGradient: {
      divide(MapGradient<Doubles>.self, $0, $1) { context, chunk, _ in
        runChunk(MapGradient<Doubles>.self, context, chunk)
      }
    },
    add: { divide(Add<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Add<Doubles>.self, context, chunk) } },
    scale: {
      divide(Scale<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Scale<Doubles>.self, context, chunk) }
    },
    columnSum: {
      divide(ColumnSum<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(ColumnSum<Doubles>.self, context, chunk) }
    },
    softmax: {
      divide(Softmax<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Softmax<Doubles>.self, context, chunk) }
    },
    softmaxGradient: {
      divide(SoftmaxGradient<Doubles>.self, $0, $1) { context, chunk, _ in
        runChunk(SoftmaxGradient<Doubles>.self, context, chunk)
      }
    },
    crossEntropy: {
      CrossEntropy<Doubles>.call($0, $1) { context, chunk, _ in runLossChunk(CrossEntropy<Doubles>.self, context, chunk)
      }
    },
    crossEntropyGradient: {
      divide(CrossEntropyGradient<Doubles>.self, $0, $1) { context, chunk, _ in
        runChunk(CrossEntropyGradient<Doubles>.self, context, chunk)
      }
    },
    squaredError: {
      SquaredError<Doubles>.call($0, $1) { context, chunk, _ in runLossChunk(SquaredError<Doubles>.self, context, chunk)
      }
    },
    squaredErrorGradient: {
      divide(SquaredErrorGradient<Doubles>.self, $0, $1) { context, chunk, _ in
        runChunk(SquaredErrorGradient<Doubles>.self, context, chunk)
      }
    },
    sgd: { divide(SGD<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(SGD<Doubles>.self, context, chunk) } },
    adam: { divide(Adam<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Adam<Doubles>.self, context, chunk) } },
    finite: {
      divide(Finite<Doubles>.self, $0, $1) { context, chunk, _ in runChunk(Finite<Doubles>.self, context, chunk) }
    },
    productWorkspace: { productWorkspace(Doubles.self, $0, $1) })
}
