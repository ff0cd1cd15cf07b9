import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaPlugins
import DenpaTraining
import Glibc

/// The only place where errors become statuses: runs a function's body and returns its status, keeping the
/// message for `denpa_last_error`.
@inline(__always)
func perform(_ body: () throws(DenpaError) -> Void) -> denpa_status {
  // A failure that an earlier call recovered from must not count against this one.
  denpa_shim_clear_allocation_failure()
  do {
    try withCanonicalFloatingPoint(body)
    return DENPA_OK
  } catch {
    return report(error)
  }
}

/// Keeps the message of an error and returns its status.
@inline(never)
func report(_ error: DenpaError) -> denpa_status {
  error.message.withUTF8 { denpa_shim_error_write($0.baseAddress, $0.count) }
  denpa_shim_clear_allocation_failure()
  return error.status.rawValue
}

/// The type of the object behind a handle.
struct HandleKind<Object: AnyObject> {
  let code: UInt8
  let name: StaticString
}

enum Handles {
  static var graph: HandleKind<GraphHandle> { HandleKind(code: 1, name: "graph") }
  static var model: HandleKind<Model> { HandleKind(code: 2, name: "model") }
  static var session: HandleKind<SessionHandle> { HandleKind(code: 3, name: "session") }
  static var trainer: HandleKind<TrainerHandle> { HandleKind(code: 4, name: "trainer") }
  static var trace: HandleKind<TraceHandle> { HandleKind(code: 5, name: "trace") }

  private static func name(_ code: UInt8) -> StaticString {
    switch code {
    case 1: "graph"
    case 2: "model"
    case 3: "session"
    case 4: "trainer"
    default: "trace"
    }
  }

  @inline(never)
  static func invalid(_ pointer: OpaquePointer?, _ wanted: StaticString) -> DenpaError {
    guard let pointer else { return DenpaError(.badHandle, "expected a \(wanted), got NULL") }
    if let code = HandleTable.kind(of: pointer) {
      return DenpaError(.badHandle, "expected a \(wanted), got a \(name(code))")
    }
    return DenpaError(.badHandle, "expected a \(wanted), got a handle that was destroyed or never was one")
  }
}

/// Runs `body` with a handle's object, which stays alive until it returns, even if destroyed meanwhile.
@inline(__always)
func withObject<Object: AnyObject>(
  of pointer: OpaquePointer?, _ kind: HandleKind<Object>, _ body: (Object) throws(DenpaError) -> Void
) throws(DenpaError) {
  guard let pointer, let pinned = HandleTable.pin(pointer, kind: kind.code) else {
    throw Handles.invalid(pointer, kind.name)
  }
  defer { HandleTable.unpin(pinned) }
  // The pin keeps the object alive: retaining it as well would cost two atomic operations per call.
  let failure: DenpaError? = pinned.object._withUnsafeGuaranteedRef { object in
    do throws(DenpaError) {
      try body(unsafeDowncast(object, to: Object.self))
      return nil
    } catch {
      return error
    }
  }
  if let failure { throw failure }
}

/// Makes an object and its handle; neither remains if memory runs out.
func createHandle<Object: AnyObject>(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ kind: HandleKind<Object>,
  _ make: () throws(DenpaError) -> Object
) throws(DenpaError) {
  guard let out else { throw missingPlace(kind.name) }
  out.pointee = try handle(of: try make(), kind.code)
}

/// Not generic, so that it is compiled only once.
@inline(never)
private func handle(of object: AnyObject, _ kind: UInt8) throws(DenpaError) -> OpaquePointer {
  try checkMemory("a handle")
  let pointer = try HandleTable.insert(object, kind: kind)
  do throws(DenpaError) { try checkMemory("a handle") } catch {
    _ = HandleTable.destroy(pointer, kind: kind)
    throw error
  }
  return pointer
}

@inline(never)
private func missingPlace(_ name: StaticString) -> DenpaError {
  DenpaError(.badArgument, "the place for the new \(name) is NULL")
}

func destroyHandle<Object: AnyObject>(_ pointer: OpaquePointer?, _ kind: HandleKind<Object>) -> denpa_status {
  perform { () throws(DenpaError) in
    guard let pointer else { return }
    guard HandleTable.destroy(pointer, kind: kind.code) else { throw Handles.invalid(pointer, kind.name) }
  }
}

final class GraphHandle {
  private let turn = Turn()
  private var graph = Graph()

  /// Runs `body`, which may ask layers for shapes, in one thread at a time.
  func exclusively<R>(_ body: (inout Graph) throws(DenpaError) -> R) throws(DenpaError) -> R {
    try turn.take(or: "the graph is at work in this thread: a layer's callback must not use it") {
      () throws(DenpaError) in
      try body(&graph)
    }
  }
}

final class SessionHandle {
  let session: Session
  let inputs = ViewList()
  let outputs = ViewList()

  init(_ session: Session) { self.session = session }
}

final class TrainerHandle {
  private let turn = Turn()
  let trainer: Trainer
  let inputs = ViewList()
  let targets = ViewList()
  let gradients = ViewList()

  init(_ trainer: Trainer) { self.trainer = trainer }

  /// Runs `body` in one thread at a time.
  @inline(__always)
  func exclusively(_ body: (Trainer) throws(DenpaError) -> Void) throws(DenpaError) {
    try turn.take(or: "the trainer is at work in this thread: a callback must not use it") {
      () throws(DenpaError) in
      try body(trainer)
    }
  }

  /// Set while a callback of fit runs: nothing of the trainer is in use then, except fit itself. Only the thread
  /// that has the turn reads or writes it.
  private var isBetweenSteps = false

  /// Runs a callback of fit, within which `exclusivelyOrBetweenSteps` is allowed, and returns its result.
  func callBack(
    _ name: StaticString, _ body: (Callback.Note, UnsafeMutableRawPointer) -> denpa_status
  ) throws(DenpaError) -> denpa_status {
    isBetweenSteps = true
    defer { isBetweenSteps = false }
    return try Callback.ofProgram(name, body)
  }

  /// Runs `body` in one thread at a time, or at once in a callback of fit.
  func exclusivelyOrBetweenSteps(_ body: (Trainer) throws(DenpaError) -> Void) throws(DenpaError) {
    if turn.isMine, isBetweenSteps { try body(trainer) } else { try exclusively(body) }
  }
}

/// Runs `body` while no other call uses the trainer.
@inline(__always)
func withTrainer(
  _ pointer: OpaquePointer?, _ body: (TrainerHandle, Trainer) throws(DenpaError) -> Void
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: pointer, Handles.trainer) { handle throws(DenpaError) in
      try handle.exclusively { trainer throws(DenpaError) in try body(handle, trainer) }
    }
  }
}

/// Likewise, but also in a callback of fit.
func withTrainerBetweenSteps(
  _ pointer: OpaquePointer?, _ body: (Trainer) throws(DenpaError) -> Void
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: pointer, Handles.trainer) { handle throws(DenpaError) in
      try handle.exclusivelyOrBetweenSteps(body)
    }
  }
}
