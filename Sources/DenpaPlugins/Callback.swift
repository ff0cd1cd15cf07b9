import DenpaCore
import Glibc

/// What a callback said before it answered.
struct FailureText {
  var message = Message()
  var isGiven = false
}

/// Calls into foreign code: a status becomes an error with the words that the callback left by `denpa_host.fail`.
///
/// Each thread knows the text that its innermost running callback writes to. It stands in the caller's memory, so that a call
/// allocates nothing.
enum Callback {
  /// Makes `text` the place for this thread's failures while `body` runs.
  @inline(__always)
  static func run(_ text: UnsafeMutablePointer<FailureText>, _ body: () -> Int32) -> Int32 {
    let outer = pthread_getspecific(ForeignCode.key)
    pthread_setspecific(ForeignCode.key, text)
    defer { pthread_setspecific(ForeignCode.key, outer) }
    return body()
  }

  /// `denpa_host.fail`.
  static func leave(_ message: UnsafePointer<CChar>?) {
    guard let raw = pthread_getspecific(ForeignCode.key) else { return }
    let text = raw.assumingMemoryBound(to: FailureText.self)
    text.pointee.message = message == nil ? "" : "\(cString: message)"
    text.pointee.isGiven = message != nil
  }

  /// The error for an answer other than 0.
  static func error(_ answer: Int32, _ text: FailureText, _ name: StaticString) -> DenpaError {
    let said: Message = text.isGiven ? text.message : "no reason given"
    guard let status = Status(rawValue: answer) else {
      return DenpaError(.layerFailed, "\(name) answered \(answer), which is no status: \(said)")
    }
    return DenpaError(status, text.isGiven ? said : "\(name) answered status \(answer), \(said)")
  }

  /// Runs `body` and throws for any answer but 0. `name` is the callback's, for an answer without words.
  static func check(_ name: StaticString, _ body: () -> Int32) throws(DenpaError) {
    var text = FailureText()
    let answer = withUnsafeMutablePointer(to: &text) { run($0, body) }
    guard answer != 0 else { return }
    throw error(answer, text, name)
  }
}
