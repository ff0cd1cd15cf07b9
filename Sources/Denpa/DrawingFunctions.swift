import CDenpa
import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaPlugins

/// Reads a choice of labels.
func labels(_ given: Int32) throws(DenpaError) -> Trace.Labels {
  guard given == DENPA_LABELS_OWN || given == DENPA_LABELS_BOOK else {
    throw DenpaError(.badArgument, "labels is DENPA_LABELS_OWN or DENPA_LABELS_BOOK, got \(given)")
  }
  return given == DENPA_LABELS_BOOK ? .book : .own
}

private func names(
  _ given: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int32, _ what: StaticString
) throws(DenpaError) -> [String] {
  guard (0...65_536).contains(count), (count > 0) == (given != nil) else {
    throw DenpaError(
      .badArgument,
      "the names of the \(what) and their number, \(count), contradict each other: set both")
  }
  var result: [String] = []
  for index in 0..<Int(count) {
    result.append(try CText.read(given?[index], limit: CText.nameLimit, "name \(index) of the \(what)"))
  }
  return result
}

private func drawing(_ given: UnsafePointer<denpa_drawing_options>?) throws(DenpaError) -> Drawing {
  let chosen = try options(given, default: denpa_drawing_options(), "denpa_drawing_options")
  try requireZero(chosen.reserved == 0 && chosen.reserved2 == 0, "denpa_drawing_options")
  guard chosen.kind == DENPA_DRAW_GRAPH || chosen.kind == DENPA_DRAW_NETWORK else {
    throw DenpaError(.badArgument, "kind is DENPA_DRAW_GRAPH or DENPA_DRAW_NETWORK, got \(chosen.kind)")
  }
  guard chosen.format == DENPA_SVG || chosen.format == DENPA_DOT else {
    throw DenpaError(.badArgument, "format is DENPA_SVG or DENPA_DOT, got \(chosen.format)")
  }
  let result = Drawing()
  result.kind = chosen.kind == DENPA_DRAW_GRAPH ? .graph : .network
  result.format = chosen.format == DENPA_SVG ? .svg : .dot
  result.labels = try labels(chosen.labels)
  result.row = Int(truncatingIfNeeded: chosen.row)
  result.inputNames = try names(chosen.input_names, chosen.input_name_count, "input")
  result.outputNames = try names(chosen.output_names, chosen.output_name_count, "output")
  guard chosen.parameter != nil else {
    guard chosen.index == nil, chosen.rank == 0 else {
      throw DenpaError(.badArgument, "an index is given, but the parameter is NULL")
    }
    return result
  }
  guard result.kind == .network else {
    throw DenpaError(.badArgument, "factors are highlighted in a network: kind must be DENPA_DRAW_NETWORK")
  }
  result.parameter = try CText.read(chosen.parameter, limit: 1024, "the parameter's label")
  guard (1...DENPA_MAX_RANK).contains(chosen.rank), let index = chosen.index else {
    throw DenpaError(
      .badArgument,
      "an element is given by 1 to \(DENPA_MAX_RANK) indices: index is NULL or rank \(chosen.rank)")
  }
  result.index = (0..<Int(chosen.rank)).map { Int(truncatingIfNeeded: index[$0]) }
  return result
}

@implementation @_cdecl("denpa_model_draw")
public func denpa_model_draw(
  _ model: OpaquePointer!, _ given: UnsafePointer<denpa_drawing_options>!,
  _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      try write(text: try model.drawn(try drawing(given)).bytes, buffer, capacity, length)
    }
  }
}

@implementation @_cdecl("denpa_trace_draw")
public func denpa_trace_draw(
  _ trace: OpaquePointer!, _ given: UnsafePointer<denpa_drawing_options>!,
  _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    try write(text: try handle.trace.drawn(try drawing(given)).bytes, buffer, capacity, length)
  }
}

@implementation @_cdecl("denpa_model_summary")
public func denpa_model_summary(
  _ model: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ given: UnsafePointer<denpa_summary_options>!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let chosen = try options(given, default: denpa_summary_options(), "denpa_summary_options")
      guard chosen.format == DENPA_TEXT || chosen.format == DENPA_HTML else {
        throw DenpaError(.badArgument, "format is DENPA_TEXT or DENPA_HTML, got \(chosen.format)")
      }
      var sizes: BatchSizes? = model.isOpen ? nil : BatchSizes(rows: 1)
      if inputs != nil || input_count != 0 {
        let list = ViewList()
        defer { withExtendedLifetime(list) {} }
        let views = try list.read(inputs, input_count, "input", expected: model.graph.inputs.count)
        sizes = try model.sizes(of: views.views, withData: false)
      }
      let summary = try Summary(model, sizes, try labels(chosen.labels))
      let text = summary.text(chosen.format == DENPA_TEXT ? .text : .html)
      try checkMemory("a summary")
      try write(text: text.bytes, buffer, capacity, length)
    }
  }
}
