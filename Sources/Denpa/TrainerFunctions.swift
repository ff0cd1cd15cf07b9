import CDenpa
import DenpaCore
import DenpaGraph
import DenpaPlugins
import DenpaTraining

/// The sizes of denpa_trainer_options before groups and limits were added, up to `group_count`, whose place was
/// reserved; before schedules and metrics were; and before averages of weights were.
private let formerTrainerOptions = [56, 80, 112]

private func trainerOptions(_ given: UnsafePointer<denpa_trainer_options>?) throws(DenpaError)
  -> TrainerOptions
{
  guard given != nil else { throw DenpaError(.badArgument, "the trainer's options are NULL") }
  let chosen = try options(
    given, default: denpa_trainer_options(), "denpa_trainer_options", former: formerTrainerOptions)
  guard chosen.loss_count != 0 || chosen.losses == nil else {
    throw DenpaError(.badArgument, "losses are given, but loss_count is 0: set it, or losses to NULL")
  }
  guard chosen.optimizer.kind != nil || chosen.optimizer.attributes == nil else {
    throw DenpaError(.badArgument, "the optimizer has attributes but no kind")
  }
  var result = TrainerOptions()
  result.maximumRows = try maximumRows(chosen.max_batch)
  result.threads = try threads(chosen.threads)
  result.inputGradients = chosen.input_gradients != 0
  try requireZero(chosen.reserved == 0, "denpa_trainer_options")
  guard (0...1024).contains(chosen.gradient_value_count) else {
    throw DenpaError(
      .badArgument, "a trainer has 0 to 1024 gradient_values, got \(chosen.gradient_value_count)")
  }
  guard (chosen.gradient_value_count > 0) == (chosen.gradient_values != nil) else {
    throw DenpaError(
      .badArgument, "gradient_values and gradient_value_count contradict each other: set both or neither")
  }
  for index in 0..<Int(chosen.gradient_value_count) {
    result.gradientValues.append(
      try requireName(chosen.gradient_values[index], "name \(index) of gradient_values"))
  }
  guard (0...64).contains(chosen.loss_count) else {
    throw DenpaError(.badArgument, "a trainer has 0 to 64 losses, got \(chosen.loss_count)")
  }
  if chosen.loss_count > 0 {
    guard let losses = chosen.losses else { throw DenpaError(.badArgument, "the array of losses is NULL") }
    for index in 0..<Int(chosen.loss_count) {
      let loss = losses[index]
      try requireZero(loss.reserved.0 == 0 && loss.reserved.1 == 0, "denpa_loss")
      guard loss.weighted == 0 || loss.weighted == 1 else {
        throw DenpaError(.badArgument, "loss \(index): weighted is 0 or 1, got \(loss.weighted)")
      }
      let definition = try Registry.shared.loss(try requireName(loss.kind, "the kind of loss \(index)"))
      result.losses.append(
        LossTerm(
          definition, try AttributeReader.list(loss.attributes, "loss \"\(definition.spec.kind)\""),
          weight: loss.weight,
          output: Int(loss.output), isWeighted: loss.weighted != 0))
    }
  }
  let tensors = LossTensors(result.losses).all.count
  guard tensors <= ViewList.capacity else {
    throw DenpaError(
      .limitExceeded, "the losses have \(tensors) targets and weights together; at most \(ViewList.capacity)")
  }
  result.optimizer = try optimizer(chosen)
  result.schedule = try schedule(chosen)
  result.metrics = try metrics(chosen)
  guard chosen.accumulation >= 0 else {
    throw DenpaError(.badArgument, "accumulation is 0 (1) or more, got \(chosen.accumulation)")
  }
  result.accumulation = max(Int(chosen.accumulation), 1)
  return result
}

private func schedule(_ chosen: denpa_trainer_options) throws(DenpaError) -> ScheduleSettings? {
  guard chosen.schedule.kind != nil else {
    guard chosen.schedule.attributes == nil else {
      throw DenpaError(.badArgument, "the schedule has attributes but no kind")
    }
    return nil
  }
  guard chosen.optimizer.kind != nil else {
    throw DenpaError(.badArgument, "a schedule needs an optimizer, whose learning rate it changes")
  }
  let kind = try requireName(chosen.schedule.kind, "the schedule's kind")
  let given = try AttributeReader.list(chosen.schedule.attributes, "schedule \"\(kind)\"")
  return try ScheduleSettings(Spec(kind, given))
}

private func metrics(_ chosen: denpa_trainer_options) throws(DenpaError) -> [MetricTerm] {
  guard (0...64).contains(chosen.metric_count) else {
    throw DenpaError(.badArgument, "a trainer has 0 to 64 metrics, got \(chosen.metric_count)")
  }
  guard (chosen.metric_count > 0) == (chosen.metrics != nil) else {
    throw DenpaError(.badArgument, "metrics and metric_count contradict each other: set both or neither")
  }
  var result: [MetricTerm] = []
  for index in 0..<Int(chosen.metric_count) {
    let metric = chosen.metrics[index]
    try requireZero(metric.reserved == 0, "denpa_metric")
    let kind = try requireName(metric.kind, "the kind of metric \(index)")
    let term: MetricTerm
    if let callback = metric.callback {
      guard metric.attributes == nil else {
        throw DenpaError(.badArgument, "metric \"\(kind)\": a metric with a callback has no attributes")
      }
      term = MetricTerm(
        kind, CallbackMetric(callback, metric.user_data), isBetterHigher: metric.lower_is_better == 0,
        output: Int(metric.output))
    } else {
      guard metric.user_data == nil, metric.lower_is_better == 0 else {
        throw DenpaError(.badArgument, "metric \"\(kind)\": user_data and lower_is_better need a callback")
      }
      term = try MetricTerm(
        try Registry.shared.metric(kind), try AttributeReader.list(metric.attributes, "metric \"\(kind)\""),
        output: Int(metric.output))
    }
    guard !result.contains(where: { $0.name == term.name && $0.output == term.output }) else {
      throw DenpaError(.badArgument, "metric \"\(kind)\" is given twice")
    }
    result.append(term)
  }
  return result
}

private func optimizer(_ chosen: denpa_trainer_options) throws(DenpaError) -> OptimizerSettings? {
  guard chosen.optimizer.kind != nil else {
    guard chosen.group_count == 0, chosen.groups == nil, chosen.clip_norm == 0, chosen.clip_value == 0,
      chosen.sam_radius == 0, chosen.average_decay == 0, chosen.average_after == 0
    else {
      throw DenpaError(
        .badArgument,
        "parameter groups, limits of gradients, sam_radius and averages of weights need an optimizer")
    }
    return nil
  }
  let definition = try Registry.shared.optimizer(
    try requireName(chosen.optimizer.kind, "the optimizer's kind"))
  let owner: Message = "optimizer \"\(definition.kind)\""
  let given = try AttributeReader.list(chosen.optimizer.attributes, owner)
  var result = OptimizerSettings(
    definition.kind,
    try definition.make(try Attributes(checking: given, against: definition.attributes, owner: owner)))
  for (name, limit) in [
    ("clip_norm", chosen.clip_norm), ("clip_value", chosen.clip_value), ("sam_radius", chosen.sam_radius),
  ] {
    guard limit >= 0, limit.isFinite else {
      throw DenpaError(.badArgument, "\(name) is 0 or a positive number, got \(limit)")
    }
  }
  result.clipNorm = chosen.clip_norm
  result.clipValue = chosen.clip_value
  result.samRadius = chosen.sam_radius
  guard chosen.sam_radius == 0 || chosen.accumulation <= 1 else {
    throw DenpaError(
      .badArgument, "sam_radius needs an accumulation of 1, got \(chosen.accumulation)")
  }
  guard (0...1).contains(chosen.average_decay) else {
    throw DenpaError(.badArgument, "average_decay is 0 to 1, got \(chosen.average_decay)")
  }
  guard chosen.average_after >= 0, chosen.average_after == 0 || chosen.average_decay > 0 else {
    throw DenpaError(
      .badArgument,
      "average_after is 0 or more, and needs an average_decay above 0; got \(chosen.average_after)")
  }
  result.averageDecay = chosen.average_decay
  result.averageAfter = chosen.average_after
  guard (0...1024).contains(chosen.group_count) else {
    throw DenpaError(.badArgument, "a trainer has 0 to 1024 parameter groups, got \(chosen.group_count)")
  }
  guard (chosen.group_count > 0) == (chosen.groups != nil) else {
    throw DenpaError(.badArgument, "groups and group_count contradict each other: set both or neither")
  }
  for index in 0..<Int(chosen.group_count) {
    let group = chosen.groups[index]
    try requireZero(
      group.reserved0 == 0 && group.reserved.0 == 0 && group.reserved.1 == 0, "denpa_parameter_group")
    let pattern = try requireName(group.pattern, "the pattern of parameter group \(index)")
    let owner: Message = "parameter group \(index), optimizer \"\(definition.kind)\""
    let own = try AttributeReader.list(group.attributes, owner)
    let others = given.filter { known in !own.contains { $0.name == known.name } }
    let attributes = try Attributes(checking: others + own, against: definition.attributes, owner: owner)
    result.groups.append(
      ParameterGroup(pattern, try definition.make(attributes), isFrozen: group.frozen != 0))
  }
  return result
}

@implementation @_cdecl("denpa_trainer_create")
public func denpa_trainer_create(
  _ model: OpaquePointer!, _ given: UnsafePointer<denpa_trainer_options>!,
  _ trainer: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let chosen = try trainerOptions(given)
      try createHandle(trainer, Handles.trainer) { () throws(DenpaError) in
        TrainerHandle(try Trainer(model, chosen))
      }
    }
  }
}

@implementation @_cdecl("denpa_trainer_destroy")
public func denpa_trainer_destroy(_ trainer: OpaquePointer!) -> denpa_status {
  destroyHandle(trainer, Handles.trainer)
}

@implementation @_cdecl("denpa_train_batch")
public func denpa_train_batch(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32, _ loss: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let result = try trainer.trainBatch(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount),
      try handle.targets.read(
        targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count))))
    loss?.pointee = result
  }
}

@implementation @_cdecl("denpa_evaluate")
public func denpa_evaluate(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32, _ loss: UnsafeMutablePointer<Double>!,
  _ metrics: UnsafeMutablePointer<Double>!, _ metric_count: Int32
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let known = trainer.options.metrics.count
    guard metrics == nil ? metric_count == 0 : Int(metric_count) == known else {
      throw DenpaError(
        .badArgument, "metric_count: expected \(known), or 0 without metrics, got \(metric_count)")
    }
    let result = try trainer.evaluate(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount, strided: true).views,
      try handle.targets.read(
        targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count)),
        strided: true
      )
      .views)
    loss?.pointee = result.loss
    if let metrics { for (index, value) in result.metrics.enumerated() { metrics[index] = value } }
  }
}

@implementation @_cdecl("denpa_publish")
public func denpa_publish(_ trainer: OpaquePointer!) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in try trainer.publish() }
}

@implementation @_cdecl("denpa_trainer_refresh")
public func denpa_trainer_refresh(_ trainer: OpaquePointer!) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in trainer.refresh() }
}

@implementation @_cdecl("denpa_trainer_forward")
public func denpa_trainer_forward(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ outputs: UnsafePointer<denpa_tensor>!, _ output_count: Int32, _ training: Int32
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    try trainer.forward(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount),
      try handle.targets.read(outputs, output_count, "output", expected: trainer.outputCount),
      training: training != 0)
  }
}

@implementation @_cdecl("denpa_trainer_backward")
public func denpa_trainer_backward(
  _ trainer: OpaquePointer!, _ doutputs: UnsafePointer<denpa_tensor>!, _ output_count: Int32,
  _ dinputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let gradients = try handle.targets.read(
      doutputs, output_count, "output gradient", expected: trainer.outputCount, gaps: true)
    let wanted =
      dinputs == nil
      ? nil
      : try handle.gradients.read(
        dinputs, input_count, "input gradient", expected: trainer.inputCount, gaps: true)
    try trainer.backward(gradients.views, wanted?.views)
  }
}

@implementation @_cdecl("denpa_trainer_gradients")
public func denpa_trainer_gradients(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32, _ dinputs: UnsafePointer<denpa_tensor>!,
  _ loss: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let wanted =
      dinputs == nil
      ? nil
      : try handle.gradients.read(
        dinputs, input_count, "input gradient", expected: trainer.inputCount, gaps: true)
    let result = try trainer.addGradients(
      try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount),
      try handle.targets.read(
        targets, target_count, "target", expected: trainer.targetCount(given: Int(target_count))),
      inputGradients: wanted?.views)
    loss?.pointee = result
  }
}

@implementation @_cdecl("denpa_trainer_step")
public func denpa_trainer_step(_ trainer: OpaquePointer!) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in try trainer.step() }
}

@implementation @_cdecl("denpa_trainer_zero_gradients")
public func denpa_trainer_zero_gradients(_ trainer: OpaquePointer!) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in trainer.zeroGradients() }
}

@implementation @_cdecl("denpa_trainer_gradient")
public func denpa_trainer_gradient(
  _ trainer: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ view: UnsafeMutablePointer<denpa_tensor>!
) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let view else { throw DenpaError(.badArgument, "the place for the view is NULL") }
    let found = try trainer.gradientView(try requireName(name, "the parameter's name"))
    view.pointee = denpa_tensor(found.type, data: found.data)
  }
}

@implementation @_cdecl("denpa_trainer_value_gradient")
public func denpa_trainer_value_gradient(
  _ trainer: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ view: UnsafeMutablePointer<denpa_tensor>!
) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let view else { throw DenpaError(.badArgument, "the place for the view is NULL") }
    let found = try trainer.valueGradientView(try requireName(name, "the value's name"))
    view.pointee = denpa_tensor(found.type, data: found.data)
  }
}

@implementation @_cdecl("denpa_trainer_optimizer_state")
public func denpa_trainer_optimizer_state(
  _ trainer: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ state: UnsafePointer<CChar>!,
  _ view: UnsafeMutablePointer<denpa_tensor>!
) -> denpa_status {
  withTrainer(trainer) { _, trainer throws(DenpaError) in
    guard let view else { throw DenpaError(.badArgument, "the place for the view is NULL") }
    let found = try trainer.optimizerStateView(
      try requireName(state, "the name of the optimizer's state"),
      of: try requireName(name, "the parameter's name"))
    view.pointee = denpa_tensor(found.type, data: found.data)
  }
}

@implementation @_cdecl("denpa_trainer_set_learning_rate")
public func denpa_trainer_set_learning_rate(_ trainer: OpaquePointer!, _ learning_rate: Double)
  -> denpa_status
{
  withTrainerBetweenSteps(trainer) { trainer throws(DenpaError) in
    guard trainer.options.optimizer != nil else {
      throw DenpaError(.badState, "the trainer has no optimizer")
    }
    guard learning_rate >= 0, learning_rate <= 1e30 else {
      throw DenpaError(.badArgument, "a learning rate is from 0 to 1e30, got \(learning_rate)")
    }
    trainer.learningRate = learning_rate
  }
}

@implementation @_cdecl("denpa_trainer_learning_rate")
public func denpa_trainer_learning_rate(
  _ trainer: OpaquePointer!, _ learning_rate: UnsafeMutablePointer<Double>!
) -> denpa_status {
  withTrainerBetweenSteps(trainer) { trainer throws(DenpaError) in
    guard trainer.options.optimizer != nil else {
      throw DenpaError(.badState, "the trainer has no optimizer")
    }
    guard let learning_rate else { throw DenpaError(.badArgument, "the place for the learning rate is NULL") }
    learning_rate.pointee = trainer.currentRate
  }
}

@implementation @_cdecl("denpa_trainer_step_count")
public func denpa_trainer_step_count(
  _ trainer: OpaquePointer!, _ steps: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrainerBetweenSteps(trainer) { trainer throws(DenpaError) in
    guard let steps else { throw DenpaError(.badArgument, "the place for the number of steps is NULL") }
    steps.pointee = trainer.stepCount
  }
}
