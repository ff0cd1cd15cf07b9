import DenpaCore
import DenpaGraph

/// A copy of the layers' states (running means and the like) before a step. Forward changes them while
/// training, and the copy allows a failed step to be undone.
struct LayerStates {
  private struct Place {
    var name: String
    var offset: Int
    var type: TensorType
  }

  private let places: [Place]
  /// nil: no layer has a state.
  private let kept: Buffer?

  init(_ parameters: [Parameter], _ layout: ParameterLayout) throws(DenpaError) {
    places = parameters.enumerated().filter { $0.element.spec.role == .state }.map {
      Place(name: $0.element.name, offset: layout.offsets[$0.offset], type: $0.element.type)
    }
    kept = places.isEmpty ? nil : try layout.makeBuffer(zeroed: false, "the states of layers")
  }

  @inline(__always)
  func keep(from weights: UnsafeMutableRawPointer) {
    if let kept { copy(from: weights, to: kept.base) }
  }

  @inline(__always)
  func restore(to weights: UnsafeMutableRawPointer) {
    if let kept { copy(from: kept.base, to: weights) }
  }

  @inline(never)
  private func copy(from source: UnsafeMutableRawPointer, to destination: UnsafeMutableRawPointer) {
    for place in places {
      (destination + place.offset).copyMemory(from: source + place.offset, byteCount: place.type.byteCount)
    }
  }

  /// Returns the name of the first state that holds NaN or infinity but did not when it was kept.
  func firstNotFinite(in weights: UnsafeMutableRawPointer) -> String? {
    guard let kept else { return nil }
    return places.first {
      !isFinite(weights + $0.offset, $0.type) && isFinite(kept.base + $0.offset, $0.type)
    }?.name
  }
}

/// Returns whether all elements of a float tensor are finite.
///
/// An exponent of ones, plus one, carries into the sign; the loop has no branch, so it is vectorized. A step of
/// the open loop spends a fifth of the time in it otherwise.
func isFinite(_ data: UnsafeMutableRawPointer, _ type: TensorType) -> Bool {
  let count = type.shape.count
  if type.dtype == .float64 {
    let bits = data.assumingMemoryBound(to: UInt64.self)
    var carried: UInt64 = 0
    for index in 0..<count { carried |= (bits[index] & 0x7FF0_0000_0000_0000) &+ 0x0010_0000_0000_0000 }
    return carried >> 63 == 0
  }
  let bits = data.assumingMemoryBound(to: UInt32.self)
  var carried: UInt32 = 0
  for index in 0..<count { carried |= (bits[index] & 0x7F80_0000) &+ 0x0080_0000 }
  return carried >> 31 == 0
}

extension Trainer {
  /// Runs a part of a training step. If it fails, the layers' states are restored. The gradients are
  /// unchanged, or zero if backward had begun.
  @inline(__always)
  func transaction(_ executor: Executor, _ body: () throws(DenpaError) -> Void) throws(DenpaError) {
    states.keep(from: weights.base)
    do throws(DenpaError) { try body() } catch {
      takeBack(executor)
      throw error
    }
  }

  @inline(never)
  func takeBack(_ executor: Executor) {
    states.restore(to: weights.base)
    _ = executor.takeFlagged()
    if executor.hasBegunBackward { zeroGradients() }
  }

  /// Records that gradients were computed. Those that the plan does not write are zeroed, unless gradients
  /// are accumulated.
  func gathered(_ executor: Executor) {
    if !hasGradients, !executor.isComplete { executor.clearUnreachedGradients() }
    hasGradients = true
    accumulated = 0
  }

  /// Returns the name of the first parameter whose gradient is not finite.
  func firstGradientNotFinite() -> String? {
    for (index, parameter) in parameters.enumerated() where parameter.isTrained {
      if !isFinite(gradients.base + model.layout.offsets[index], parameter.type) { return parameter.name }
    }
    return nil
  }
}
