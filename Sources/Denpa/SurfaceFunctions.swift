import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaPlugins
import DenpaTraining

@implementation @_cdecl("denpa_numerical_gradient")
public func denpa_numerical_gradient(
  _ function: denpa_function!, _ user_data: UnsafeMutableRawPointer!, _ x: UnsafePointer<denpa_tensor>!,
  _ given: UnsafePointer<denpa_numerical_options>!, _ gradient: UnsafeMutablePointer<Double>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    guard let function else { throw DenpaError(.badArgument, "the function is NULL") }
    guard let x else { throw DenpaError(.badArgument, "x is NULL") }
    guard let gradient else { throw DenpaError(.badArgument, "the place for the gradient is NULL") }
    let chosen = try options(given, default: denpa_numerical_options(), "denpa_numerical_options")
    try requireZero(chosen.reserved == 0, "denpa_numerical_options")
    guard chosen.step >= 0, chosen.step.isFinite, [0, 2, 5].contains(chosen.points) else {
      throw DenpaError(
        .badArgument,
        "step is 0 (chosen) or more, and points 2 or 5 (or 0), got \(chosen.step) and \(chosen.points)")
    }
    let read = try view(x, "x", 0)
    guard read.type.dtype.isFloat else {
      throw DenpaError(.badDType, "x: expected float32 or float64, got \(read.type.dtype)")
    }
    let stencil = Stencil(
      points: chosen.points == 2 ? 2 : 5, step: chosen.step == 0 ? nil : chosen.step)
    try NumericalGradient.compute(of: read, stencil, into: gradient) { () throws(DenpaError) in
      var value = Double.nan
      let status = try Callback.ofProgram("the function") { note, place in
        denpa_shim_function(Callback.address(function), user_data, &value, note, place)
      }
      guard status == DENPA_OK else {
        guard let known = Status(rawValue: status) else {
          throw DenpaError(.layerFailed, "the function returned \(status), which is no status")
        }
        throw DenpaError(known, "the function returned \(known.name)")
      }
      return value
    }
  }
}

private func requireElements(_ count: Int64, _ trainer: Trainer) throws(DenpaError) {
  guard count == Int64(trainer.parameterElements) else {
    throw DenpaError(
      .badShape, "the parameters have \(trainer.parameterElements) elements, got an element_count of \(count)"
    )
  }
}

@implementation @_cdecl("denpa_trainer_loss_surface")
public func denpa_trainer_loss_surface(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32, _ given: UnsafePointer<denpa_surface>!,
  _ losses: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    guard given != nil else { throw DenpaError(.badArgument, "the surface is NULL") }
    let surface = try options(given, default: denpa_surface(), "denpa_surface")
    try requireElements(surface.element_count, trainer)
    guard let first = surface.first, let steps = surface.first_steps, surface.first_count > 0, let losses
    else {
      throw DenpaError(
        .badArgument,
        "a surface has a first direction, first_steps with a first_count of 1 or more, and losses")
    }
    let isLine = surface.second == nil
    guard isLine == (surface.second_steps == nil), isLine == (surface.second_count == 0),
      surface.second_count >= 0
    else {
      throw DenpaError(
        .badArgument,
        "second, second_steps and second_count contradict each other: set all of them, or none for a line")
    }
    guard surface.first_count <= 1 << 40, surface.second_count <= 1 << 20 else {
      throw DenpaError(
        .limitExceeded, "a surface has up to 2^40 steps in the first direction, 2^20 in the second")
    }
    let none: [Double] = [0]
    try none.withUnsafeBufferPointer { zero throws(DenpaError) in
      let points = SurfacePoints(
        origin: surface.origin, first: first, second: surface.second,
        firstSteps: UnsafeBufferPointer(start: steps, count: Int(surface.first_count)),
        secondSteps: isLine
          ? zero : UnsafeBufferPointer(start: surface.second_steps, count: Int(surface.second_count)))
      try trainer.lossSurface(
        try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount),
        try handle.targets.read(
          targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count))),
        points, into: losses)
    }
  }
}

@implementation @_cdecl("denpa_trainer_random_direction")
public func denpa_trainer_random_direction(
  _ trainer: OpaquePointer!, _ seed: UInt64, _ normalize: Int32,
  _ direction: UnsafeMutablePointer<Double>!, _ element_count: Int64
) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let direction else { throw DenpaError(.badArgument, "the place for the direction is NULL") }
    try requireElements(element_count, trainer)
    guard normalize == 0 || normalize == 1 else {
      throw DenpaError(.badArgument, "normalize is 0 or 1, got \(normalize)")
    }
    trainer.randomDirection(seed: seed, normalises: normalize == 1, into: direction)
  }
}
