import DenpaCore
import Glibc

/// Makes the error of a failed system call: the action, its path, and the system's reason.
struct SystemError {
  let path: FilePath

  /// `code` is `errno` directly after the call.
  func callAsFunction(_ action: StaticString, _ code: Int32) -> DenpaError {
    let status: Status =
      switch code {
      case ENOENT: .notFound
      case ENOMEM: .outOfMemory
      default: .ioError
      }
    return DenpaError(status, "cannot \(action) \(path.shown): \(SystemError.text(code))")
  }

  func callAsFunction(_ status: Status, _ problem: Message) -> DenpaError {
    DenpaError(status, "\(path.shown) \(problem)")
  }

  /// Returns the system's text for an error number. `strerror` is not thread-safe.
  private static func text(_ code: Int32) -> Message {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      buffer.initialize(repeating: 0)
      guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
        return "error \(code)"
      }
      return "\(cString: base)"
    }
  }
}

/// An open file, closed with its owner at the latest.
struct FileDescriptor: ~Copyable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { _ = close(number) }

  /// Closes the file and returns the error number, 0 if none. On Linux it is closed even after EINTR.
  consuming func closed() -> Int32 {
    let result = close(number)
    let code = errno
    discard self
    return result == 0 || code == EINTR ? 0 : code
  }
}

/// Repeats a call as long as a signal interrupts it.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

/// Throws unless the system sees the path as the caller does: a zero byte would end it in C.
func checkPath(_ path: FilePath) throws(DenpaError) {
  guard !path.isEmpty, !path.hasZeroByte else {
    throw DenpaError(.badArgument, "a path must not be empty and not contain a zero byte")
  }
}
