import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// The gradients of the trained parameters, and what is done to all of them before a step, in place.
final class TrainedGradients {
  private let settings: OptimizerSettings
  private let kernels: KernelTable
  private let isDouble: Bool
  /// The gradients of the trained parameters.
  private let gradients: [(memory: UnsafeMutableRawPointer, count: Int)]

  init(
    _ settings: OptimizerSettings, _ kernels: KernelTable, _ dtype: DType, _ parameters: [Parameter],
    _ layout: ParameterLayout, _ gradients: Buffer
  ) throws(DenpaError) {
    self.settings = settings
    self.kernels = kernels
    isDouble = dtype == .float64
    self.gradients = parameters.indices.filter { parameters[$0].isTrained }.map {
      (gradients.base + layout.offsets[$0], parameters[$0].type.shape.count)
    }
    try checkMemory("an optimizer")
  }

  /// Limits each element first, then the norm of all of them together (Pascanu, Mikolov & Bengio, 2013).
  func limit(_ run: UnsafeMutablePointer<Run>) {
    if settings.clipValue > 0 {
      for gradient in gradients {
        var arguments = ClipArguments()
        arguments.count = gradient.count
        arguments.limit = settings.clipValue
        arguments.x = gradient.memory
        _ = kernels[.clip](&arguments, run)
      }
    }
    guard settings.clipNorm > 0 else { return }
    var norm = norm(run)
    guard norm > settings.clipNorm else { return }
    if !norm.isFinite {
      // Squares overflowed. If the largest element is 1, they do not.
      scale(by: 1 / largest, run)
      norm = self.norm(run)
    }
    scale(by: settings.clipNorm / norm, run)
  }

  private func norm(_ run: UnsafeMutablePointer<Run>) -> Double {
    var total = 0.0
    for gradient in gradients {
      var arguments = SumSquaresArguments()
      arguments.count = gradient.count
      arguments.x = UnsafeRawPointer(gradient.memory)
      withUnsafeMutablePointer(to: &total) {
        arguments.total = $0
        _ = kernels[.sumSquares](&arguments, run)
      }
    }
    return total.squareRoot()
  }

  func scale(by factor: Double, _ run: UnsafeMutablePointer<Run>) {
    for gradient in gradients {
      var arguments = ScaleArguments()
      arguments.count = gradient.count
      arguments.scale = factor
      arguments.x = UnsafeRawPointer(gradient.memory)
      arguments.y = gradient.memory
      _ = kernels[.scale](&arguments, run)
    }
  }

  /// The largest magnitude of an element.
  private var largest: Double {
    gradients.reduce(0) { largest, gradient in
      (0..<gradient.count).reduce(largest) { max($0, abs(element(gradient.memory, $1))) }
    }
  }

  private func element(_ memory: UnsafeMutableRawPointer, _ index: Int) -> Double {
    isDouble
      ? memory.load(fromByteOffset: 8 * index, as: Double.self)
      : Double(memory.load(fromByteOffset: 4 * index, as: Float.self))
  }
}
