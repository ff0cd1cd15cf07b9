import CDenpa
import DenpaCore
import DenpaGraph

@implementation @_cdecl("denpa_session_create")
public func denpa_session_create(
  _ model: OpaquePointer!, _ given: UnsafePointer<denpa_session_options>!,
  _ session: UnsafeMutablePointer<OpaquePointer?>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let chosen = try options(given, default: denpa_session_options(), "denpa_session_options")
      let rows = try maximumRows(chosen.max_batch)
      let count = chosen.realtime != 0 && chosen.threads == 0 ? 1 : try threads(chosen.threads)
      try createHandle(session, Handles.session) { () throws(DenpaError) in
        SessionHandle(try Session(model, maximumRows: rows, threads: count, realtime: chosen.realtime != 0))
      }
      if chosen.realtime != 0 { warmUp(session.pointee, model) }
    }
  }
}

/// Makes one failing call, so that a real-time thread's first error allocates nothing.
private func warmUp(_ session: OpaquePointer?, _ model: Model) { _ = denpa_predict(session, nil, 1, nil, 1) }

@implementation @_cdecl("denpa_session_destroy")
public func denpa_session_destroy(_ session: OpaquePointer!) -> denpa_status {
  destroyHandle(session, Handles.session)
}

@implementation @_cdecl("denpa_predict")
public func denpa_predict(
  _ session: OpaquePointer!, _ inputs: UnsafePointer<denpa_tensor>!, _ input_count: Int32,
  _ outputs: UnsafePointer<denpa_tensor>!, _ output_count: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: session, Handles.session) { handle throws(DenpaError) in
      try handle.session.enter()
      defer { handle.session.leave() }
      try handle.session.predict(
        try handle.inputs.read(inputs, input_count, "input", expected: handle.session.inputCount),
        try handle.outputs.read(outputs, output_count, "output", expected: handle.session.outputCount))
    }
  }
}
