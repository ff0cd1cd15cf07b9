import CShim
import DenpaCore
import Glibc

/// A callback's failure: the text it left before it returned (`denpa_host.fail`), or what was thrown.
public struct FailureText {
  enum Source {
    case nobody, callback
    /// Something was thrown: by the callback, by a chunk of its work, by the log callback that it called.
    case exception, chunk, log
  }

  var message = Message()
  var source = Source.nobody
  /// A UInt32 that is 1 once a chunk has thrown: chunks run in many threads, and the first to throw writes
  /// the rest.
  var claimed: UInt32 = 0

  public init() {}

  /// Whether the call has failed whatever the callback returns.
  public var isException: Bool {
    switch source {
    case .nobody, .callback: false
    case .exception, .chunk, .log: true
    }
  }

  mutating func note(_ what: UnsafePointer<CChar>?, _ source: Source) {
    message = what == nil ? "something that is no std::exception" : "\(cString: what)"
    self.source = source
  }

  func exception(_ status: Status, _ name: StaticString) -> DenpaError {
    switch source {
    case .chunk: DenpaError(status, "\(name): a chunk of its parallel_for threw an exception: \(message)")
    case .log: DenpaError(.callbackFailed, "the log callback threw an exception: \(message)")
    default: DenpaError(status, "\(name) threw an exception: \(message)")
    }
  }
}

/// Calls to foreign code: a status becomes an error with the text left by `denpa_host.fail`, an exception one
/// with its own text.
///
/// Each thread knows the text that its innermost running callback writes to, which is in the caller's memory,
/// so that a call allocates nothing.
public enum Callback {
  /// What the shims of CShim/Callbacks.cpp call for an exception; the place is a `FailureText`.
  public typealias Note = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?) -> Void
  public static var note: Note {
    { place, what in place?.assumingMemoryBound(to: FailureText.self).pointee.note(what, .exception) }
  }

  /// The same for a chunk of divided work, in any thread.
  static var noteOfChunk: Note {
    { place, what in
      guard let text = place?.assumingMemoryBound(to: FailureText.self),
        let claimed = MemoryLayout<FailureText>.offset(of: \.claimed), let place,
        denpa_atomic_cas_u32(place + claimed, 0, 1)
      else { return }
      text.pointee.note(what, .chunk)
    }
  }

  /// Returns the address of a C function, for the shims.
  @inline(__always)
  public static func address<F>(_ function: F) -> UnsafeRawPointer {
    unsafeBitCast(function, to: UnsafeRawPointer.self)
  }

  /// Directs this thread's failures to `text` while `body` runs.
  @inline(__always)
  static func run(_ text: UnsafeMutablePointer<FailureText>, _ body: () -> Int32) -> Int32 {
    let outer = pthread_getspecific(ForeignCode.key)
    pthread_setspecific(ForeignCode.key, text)
    defer { pthread_setspecific(ForeignCode.key, outer) }
    return body()
  }

  /// Where this thread's innermost running callback leaves its text; nil outside of callbacks.
  static var current: UnsafeMutablePointer<FailureText>? {
    pthread_getspecific(ForeignCode.key)?.assumingMemoryBound(to: FailureText.self)
  }

  /// `denpa_host.fail`.
  static func leave(_ message: UnsafePointer<CChar>?) {
    guard let text = current, !text.pointee.isException else { return }
    text.pointee.message = message == nil ? "" : "\(cString: message)"
    text.pointee.source = message == nil ? .nobody : .callback
  }

  /// Returns the error for a status other than 0.
  static func error(_ answer: Int32, _ text: FailureText, _ name: StaticString) -> DenpaError {
    guard !text.isException else { return text.exception(.layerFailed, name) }
    let isGiven = text.source == .callback
    let said: Message = isGiven ? text.message : "no reason given"
    guard let status = Status(rawValue: answer) else {
      return DenpaError(.layerFailed, "\(name) returned \(answer), which is no status: \(said)")
    }
    return DenpaError(status, isGiven ? said : "\(name) returned \(status.name), \(said)")
  }

  /// Runs `body`, a shim's call with the given note and place, and throws for any status but 0 and for
  /// exceptions. `name` is the callback's.
  static func check(
    _ name: StaticString, _ body: (Note, UnsafeMutableRawPointer) -> Int32
  ) throws(DenpaError) {
    var text = FailureText()
    let answer = withUnsafeMutablePointer(to: &text) { text in run(text) { body(note, text) } }
    guard answer != 0 || text.isException else { return }
    throw error(answer, text, name)
  }

  /// Runs a callback of the program and returns its result; an exception is DENPA_CALLBACK_FAILED.
  public static func ofProgram(
    _ name: StaticString, _ body: (Note, UnsafeMutableRawPointer) -> Int32
  ) throws(DenpaError) -> Int32 {
    var text = FailureText()
    let answer = withUnsafeMutablePointer(to: &text) { body(note, $0) }
    guard !text.isException else { throw text.exception(.callbackFailed, name) }
    return answer
  }
}
