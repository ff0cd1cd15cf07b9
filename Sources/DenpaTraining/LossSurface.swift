import DenpaCore
import DenpaGraph

/// The points at which a loss is evaluated: origin + a·first + b·second, for each a and each b.
public struct SurfacePoints {
  /// All parameters, one after the other in the model's order; nil: those of the trainer.
  public var origin: UnsafePointer<Double>?
  public var first: UnsafePointer<Double>
  /// nil: the points are on a line.
  public var second: UnsafePointer<Double>?
  public var firstSteps: UnsafeBufferPointer<Double>
  public var secondSteps: UnsafeBufferPointer<Double>

  public init(
    origin: UnsafePointer<Double>?, first: UnsafePointer<Double>, second: UnsafePointer<Double>?,
    firstSteps: UnsafeBufferPointer<Double>, secondSteps: UnsafeBufferPointer<Double>
  ) {
    self.origin = origin
    self.first = first
    self.second = second
    self.firstSteps = firstSteps
    self.secondSteps = secondSteps
  }
}

extension Trainer {
  /// The number of elements of all parameters together.
  public var parameterElements: Int { parameters.reduce(0) { $0 + $1.type.shape.count } }

  /// Evaluates the loss of a batch, as in inference, at each point: the one for a and b is at index
  /// a · (number of b) + b. It may be NaN or infinite. Nothing changes: the weights are computed in memory of
  /// their own, of which there is one for all points.
  public func lossSurface(
    _ inputs: TensorList, _ targets: TensorList, _ points: SurfacePoints,
    into losses: UnsafeMutablePointer<Double>
  ) throws(DenpaError) {
    let batch = try bindBatch(inputs, targets, training: false)
    guard batch.rows > 0 else { throw DenpaError(.badArgument, "the tensors have no rows") }
    let moved = try model.layout.makeBuffer(zeroed: true, "the parameters of a loss surface")
    model.layout.copy(publishedWeights, to: moved.base)
    let origin = try Buffer(byteCount: 8 * parameterElements, zeroed: false, "a loss surface")
    let start = origin.base.bindMemory(to: Double.self, capacity: parameterElements)
    if let given = points.origin {
      start.update(from: given, count: parameterElements)
    } else {
      eachElement(of: moved) { index, place, isDouble in
        start[index] =
          isDouble ? place.load(as: Double.self) : Double(place.load(as: Float.self))
      }
    }
    var next = 0
    for a in points.firstSteps {
      for b in points.secondSteps {
        eachElement(of: moved) { index, place, isDouble in
          var value = start[index] + a * points.first[index]
          if let second = points.second { value += b * second[index] }
          if isDouble {
            place.storeBytes(of: value, as: Double.self)
          } else {
            place.storeBytes(of: Float(value), as: Float.self)
          }
        }
        try withExecutor(of: batch) { executor throws(DenpaError) in
          try executor.execute(rows: batch.rows, parameters: moved.base, training: false)
          losses[next] = executor.loss
        }
        next += 1
      }
    }
  }

  @inline(__always)
  private func eachElement(of memory: Buffer, _ body: (Int, UnsafeMutableRawPointer, Bool) -> Void) {
    var first = 0
    let size = model.dtype.size, isDouble = model.dtype == .float64
    for (number, parameter) in parameters.enumerated() {
      let base = memory.base + model.layout.offsets[number], count = parameter.type.shape.count
      for index in 0..<count { body(first + index, base + index * size, isDouble) }
      first += count
    }
  }

  /// Writes a random direction in the space of the parameters: normal numbers for those that are trained, 0 for
  /// the others. With `normalises`, each filter of a tensor of several axes, which is what belongs to one index of
  /// the last axis, gets the norm of the filter of the weights, and the direction of every other tensor is 0 (Li
  /// et al., 2018, "Visualizing the Loss Landscape of Neural Nets").
  public func randomDirection(seed: UInt64, normalises: Bool, into direction: UnsafeMutablePointer<Double>) {
    let source = publishedWeights
    var first = 0
    for (number, parameter) in parameters.enumerated() {
      let shape = parameter.type.shape, count = shape.count, own = direction + first
      first += count
      guard parameter.isTrained, !normalises || shape.rank > 1 else {
        own.update(repeating: 0, count: count)
        continue
      }
      let random = Random(seed: seed, stream: 0x6469_7265_6374_696F, step: UInt64(number))
      for index in 0..<count { own[index] = random.normal(UInt64(index)) }
      guard normalises, count > 0, let filters = shape.last else { continue }
      let weights = source + model.layout.offsets[number]
      for filter in 0..<filters {
        var (size, length) = (0.0, 0.0)
        for index in stride(from: filter, to: count, by: filters) {
          let weight =
            model.dtype == .float64
            ? weights.load(fromByteOffset: 8 * index, as: Double.self)
            : Double(weights.load(fromByteOffset: 4 * index, as: Float.self))
          size += weight * weight
          length += own[index] * own[index]
        }
        let factor = length > 0 ? (size / length).squareRoot() : 0
        for index in stride(from: filter, to: count, by: filters) { own[index] *= factor }
      }
    }
  }
}
