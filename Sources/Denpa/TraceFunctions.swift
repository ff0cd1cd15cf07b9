import CDenpa
import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaPlugins
import DenpaTraining

/// A trace with the C strings that it lends.
final class TraceHandle: @unchecked Sendable {
  let trace: Trace
  private let memory: Buffer
  /// Where label and name of each item begin, and behind them the name of each node of the plan's graph.
  private let offsets: [Int]

  init(_ trace: Trace) throws(DenpaError) {
    self.trace = trace
    var offsets: [Int] = []
    var bytes: [UInt8] = []
    var names: [String] = []
    for item in trace.items { names += [item.label, item.name] }
    for node in trace.observation.plan.graph.nodes { names.append(node.name) }
    for name in names {
      offsets.append(bytes.count)
      bytes += name.utf8
      bytes.append(0)
    }
    self.offsets = offsets
    memory = try Buffer(byteCount: bytes.count, zeroed: false, "labels")
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { memory.base.copyMemory(from: base, byteCount: source.count) }
    }
    try checkMemory("labels")
  }

  private func text(_ number: Int) -> UnsafePointer<CChar> {
    UnsafePointer((memory.base + offsets[number]).assumingMemoryBound(to: CChar.self))
  }

  func label(_ item: Int) -> UnsafePointer<CChar> { text(2 * item) }
  func name(_ item: Int) -> UnsafePointer<CChar> { text(2 * item + 1) }
  func node(_ number: Int) -> UnsafePointer<CChar> { text(2 * trace.items.count + number) }
}

private func traceOptions(
  _ given: UnsafePointer<denpa_trace_options>?
) throws(DenpaError) -> (training: Bool, labels: Trace.Labels) {
  let chosen = try options(given, default: denpa_trace_options(), "denpa_trace_options")
  guard chosen.training == 0 || chosen.training == 1 else {
    throw DenpaError(.badArgument, "training is 0 or 1, got \(chosen.training)")
  }
  return (chosen.training == 1, try labels(chosen.labels))
}

@implementation @_cdecl("denpa_trace_model")
public func denpa_trace_model(
  _ model: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ given: UnsafePointer<denpa_trace_options>!, _ trace: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let chosen = try traceOptions(given)
      let list = ViewList()
      defer { withExtendedLifetime(list) {} }
      let views = try list.read(inputs, input_count, "input", expected: model.graph.inputs.count)
      try createHandle(trace, Handles.trace) { () throws(DenpaError) in
        let observation = try model.observe(views, training: chosen.training, threads: Library.threadCount)
        return try TraceHandle(try Trace(observation, chosen.labels))
      }
    }
  }
}

@implementation @_cdecl("denpa_trace_trainer")
public func denpa_trace_trainer(
  _ trainer: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ targets: UnsafePointer<denpa_tensor>!, _ target_count: Int32,
  _ given: UnsafePointer<denpa_trace_options>!, _ trace: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  withTrainer(trainer) { handle, trainer throws(DenpaError) in
    let chosen = try traceOptions(given)
    guard target_count != 0 || targets == nil else {
      throw DenpaError(.badArgument, "targets are given, but target_count is 0: set it, or targets to NULL")
    }
    let inputViews = try handle.inputs.read(inputs, input_count, "input", expected: trainer.inputCount)
    let expected = target_count == 0 ? 0 : trainer.targetCount(given: Int(target_count))
    let targetViews = try handle.targets.read(targets, target_count, "target", expected: expected)
    try createHandle(trace, Handles.trace) { () throws(DenpaError) in
      let observation = try trainer.observe(inputViews, targetViews, training: chosen.training)
      return try TraceHandle(try Trace(observation, chosen.labels))
    }
  }
}

@implementation @_cdecl("denpa_trace_destroy")
public func denpa_trace_destroy(_ trace: OpaquePointer!) -> denpa_status {
  destroyHandle(trace, Handles.trace)
}

/// A trace never changes, so any number of threads may read it.
func withTrace(
  _ pointer: OpaquePointer?, _ body: (TraceHandle) throws(DenpaError) -> Void
) -> denpa_status {
  perform { () throws(DenpaError) in try withObject(of: pointer, Handles.trace, body) }
}

@inline(never)
private func noPlace(_ what: Message) -> DenpaError {
  DenpaError(.badArgument, "the place for \(what) is NULL")
}

@implementation @_cdecl("denpa_trace_count")
public func denpa_trace_count(_ trace: OpaquePointer!, _ count: UnsafeMutablePointer<Int32>!) -> denpa_status
{
  withTrace(trace) { handle throws(DenpaError) in
    guard let count else { throw noPlace("the count") }
    count.pointee = Int32(handle.trace.items.count)
  }
}

@implementation @_cdecl("denpa_trace_value")
public func denpa_trace_value(
  _ trace: OpaquePointer!, _ index: Int32, _ value: UnsafeMutablePointer<denpa_traced>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    guard let value else { throw noPlace("the value") }
    let size = try structSize(value, MemoryLayout<denpa_traced>.size, "denpa_traced")
    let items = handle.trace.items, number = Int(index)
    guard items.indices.contains(number) else {
      throw DenpaError(.badArgument, "the trace has \(items.count) values, counted from 0, got \(index)")
    }
    var result = denpa_traced()
    result.struct_size = size
    result.label = handle.label(number)
    result.name = handle.name(number)
    result.node = handle.node(items[number].node)
    result.kind = items[number].kind.rawValue
    let gradient = items[number].gradient
    result.has_gradient = gradient == nil ? 0 : 1
    result.value = denpa_tensor(items[number].value.type, data: items[number].value.data)
    result.gradient = denpa_tensor(items[number].value.type, data: gradient?.data)
    value.pointee = result
  }
}

@implementation @_cdecl("denpa_trace_find")
public func denpa_trace_find(
  _ trace: OpaquePointer!, _ label: UnsafePointer<CChar>!, _ index: UnsafeMutablePointer<Int32>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    guard let index else { throw noPlace("the index") }
    index.pointee = Int32(try handle.trace.index(of: try CText.read(label, limit: 1024, "the label")))
  }
}

@implementation @_cdecl("denpa_trace_loss")
public func denpa_trace_loss(_ trace: OpaquePointer!, _ loss: UnsafeMutablePointer<Double>!) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    guard let loss else { throw noPlace("the loss") }
    guard handle.trace.observation.hasLoss else {
      throw DenpaError(.badState, "the trace has no loss: it was made without targets")
    }
    loss.pointee = handle.trace.observation.loss
  }
}

@implementation @_cdecl("denpa_trace_step_count")
public func denpa_trace_step_count(
  _ trace: OpaquePointer!, _ steps: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    guard let steps else { throw noPlace("the number of steps") }
    steps.pointee = handle.trace.observation.step
  }
}

@implementation @_cdecl("denpa_trace_print")
public func denpa_trace_print(
  _ trace: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    try write(text: try handle.trace.text().bytes, buffer, capacity, length)
  }
}
