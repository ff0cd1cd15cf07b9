import DenpaCore
import Glibc

/// A new file in the folder of the file that it will replace. Its creator must rename or remove it.
struct TemporaryFile: ~Copyable {
  let name: String
  private let file: FileDescriptor
  private let failed: SystemError

  /// `mode` is the permissions, `nil` for those of a new file.
  init(folder: Int32, mode: mode_t?, failed: SystemError) throws(DenpaError) {
    var number: Int32 = -1
    var name = ""
    // The name need not be secret, only new: O_EXCL accepts neither an existing file nor a planted link.
    for attempt in 0..<100 {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      name = ".denpa-\(getpid())-\(now.tv_sec)\(now.tv_nsec)-\(attempt).tmp"
      number = uninterrupted { openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode ?? 0o666) }
      guard number < 0, errno == EEXIST else { break }
    }
    guard number >= 0 else { throw failed("make a temporary file beside", errno) }
    if let mode {
      // The umask may have removed permissions of the old file. Set before the first byte is written.
      guard fchmod(number, mode) == 0 else {
        let code = errno
        _ = close(number)
        _ = unlinkat(folder, name, 0)
        throw failed("set the permissions of a temporary file beside", code)
      }
    }
    self.name = name
    file = FileDescriptor(number)
    self.failed = failed
  }

  /// Writes what `body` passes to its sink, syncs and closes.
  consuming func fill(_ body: (ByteSink) throws(DenpaError) -> Void) throws(DenpaError) {
    let buffer = try Buffer(byteCount: 256 << 10, zeroed: false, "a file's buffer")
    let free = UnsafeMutableRawBufferPointer(start: buffer.base, count: buffer.byteCount)
    var filled = 0
    // Stored, so that no torn file is renamed if `body` ignores its sink's error.
    var failure: DenpaError?
    let (number, failed) = (file.number, failed)
    try body { (bytes) throws(DenpaError) in
      if let failure { throw failure }
      do throws(DenpaError) {
        if bytes.count > free.count - filled {
          try TemporaryFile.write(UnsafeRawBufferPointer(rebasing: free[..<filled]), number, failed)
          filled = 0
        }
        if bytes.count >= free.count { return try TemporaryFile.write(bytes, number, failed) }
        UnsafeMutableRawBufferPointer(rebasing: free[filled...]).copyMemory(from: bytes)
        filled += bytes.count
      } catch {
        failure = error
        throw error
      }
    }
    if let failure { throw failure }
    try TemporaryFile.write(UnsafeRawBufferPointer(rebasing: free[..<filled]), number, failed)
    guard uninterrupted({ fsync(number) }) == 0 else { throw failed("sync", errno) }
    // Network file systems report a failed write here.
    let code = file.closed()
    guard code == 0 else { throw failed("close", code) }
  }

  private static func write(
    _ bytes: UnsafeRawBufferPointer, _ number: Int32, _ failed: SystemError
  ) throws(DenpaError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(AtomicFile.chunk))
      let signal = FileSizeSignal()
      let count = uninterrupted { Glibc.write(number, piece.baseAddress, piece.count) }
      let code = count < 0 ? errno : ENOSPC
      signal.restore(after: code)
      guard count > 0 else { throw failed("write", code) }
      rest = rest.dropFirst(count)
    }
  }
}

/// Keeps SIGXFSZ, raised by a write beyond the file size limit, from killing the host: it is blocked in this
/// thread during the write, which then fails with EFBIG, and is consumed before it is unblocked. The host's
/// handlers are not touched.
private struct FileSizeSignal {
  private var blocked = sigset_t()
  private var before = sigset_t()
  private let wasPending: Bool

  init() {
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGXFSZ)
    var pending = sigset_t()
    sigpending(&pending)
    wasPending = sigismember(&pending, SIGXFSZ) == 1
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
  }

  /// `code` is the write's error number.
  func restore(after code: Int32) {
    var (blocked, before) = (blocked, before)
    if code == EFBIG, !wasPending {
      var now = timespec()
      while sigtimedwait(&blocked, nil, &now) == -1, errno == EINTR {}
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }
}
