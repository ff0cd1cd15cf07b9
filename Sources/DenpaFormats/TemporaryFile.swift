import DenpaCore
import Glibc

/// A new file in the folder of the file that it will replace. Its creator must rename or remove it before it
/// goes away.
///
/// Its name is ".denpa-", a number from 0 on, and ".tmp", and it is locked as long as its process writes: a
/// file of such a name that can be locked was left by a process that was killed, and is removed.
struct TemporaryFile: ~Copyable {
  let name: FilePath
  private let file: FileDescriptor
  private let failed: SystemError

  /// The number of files with short names. More writers at once than these have longer ones.
  private static let places = 64
  /// So many free places in a row are taken for the last ones.
  private static let gap = 4

  /// `mode` is the permissions, `nil` for those of a new file.
  init(folder: Int32, mode: mode_t?, failed: SystemError) throws(DenpaError) {
    var found: (name: FilePath, number: Int32)?
    var free = 0
    for place in 0..<TemporaryFile.places where free < TemporaryFile.gap {
      let name = FilePath(".denpa-\(place).tmp")
      if found == nil {
        let number = try TemporaryFile.take(folder, name, mode, failed)
        if number >= 0 { found = (name, number) }
      } else {
        free = TemporaryFile.removeAbandoned(folder, name) == .free ? free + 1 : 0
      }
    }
    if found == nil { found = try TemporaryFile.another(folder, mode, failed) }
    guard let found else { throw failed("make a temporary file beside", EEXIST) }
    if let mode {
      // The umask may have removed permissions of the old file. Set before the first byte is written.
      guard fchmod(found.number, mode) == 0 else {
        let code = errno
        _ = unlinkat(folder, found.name.bytes, 0)
        _ = close(found.number)
        throw failed("set the permissions of a temporary file beside", code)
      }
    }
    name = found.name
    file = FileDescriptor(found.number)
    self.failed = failed
  }

  /// Makes and locks a file. Returns its descriptor, -1 if the name is in use.
  private static func take(
    _ folder: Int32, _ name: FilePath, _ mode: mode_t?, _ failed: SystemError
  ) throws(DenpaError) -> Int32 {
    // The name need not be secret, only new: O_EXCL accepts neither an existing file nor a planted link.
    func make() -> Int32 {
      uninterrupted { openat(folder, name.bytes, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode ?? 0o666) }
    }
    var number = make()
    if number < 0, errno == EEXIST {
      guard removeAbandoned(folder, name) != .taken else { return -1 }
      number = make()
      if number < 0, errno == EEXIST { return -1 }
    }
    guard number >= 0 else { throw failed("make a temporary file beside", errno) }
    // Another process may have locked it in between, and be about to remove it. A file system without locks
    // does not matter here: nobody else can lock the file either.
    var status = stat()
    if lock(number) == EWOULDBLOCK || (fstat(number, &status) == 0 && status.st_nlink == 0) {
      _ = close(number)
      return -1
    }
    return number
  }

  /// What a name stood for.
  private enum Place { case free, removed, taken }

  /// Removes a file that no process is writing any more.
  private static func removeAbandoned(_ folder: Int32, _ name: FilePath) -> Place {
    // Without O_NONBLOCK, opening a fifo would wait.
    let number = uninterrupted {
      openat(folder, name.bytes, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    }
    guard number >= 0 else { return errno == ENOENT ? .free : .taken }
    let file = FileDescriptor(number)
    guard lock(file.number) == 0 else { return .taken }
    // By now the name may be that of another file, whose writer has locked it.
    var (opened, named) = (stat(), stat())
    guard fstat(file.number, &opened) == 0, fstatat(folder, name.bytes, &named, AT_SYMLINK_NOFOLLOW) == 0,
      opened.st_dev == named.st_dev, opened.st_ino == named.st_ino, opened.st_mode & S_IFMT == S_IFREG
    else { return .taken }
    return unlinkat(folder, name.bytes, 0) == 0 ? .removed : .taken
  }

  /// Locks a file until its descriptor is closed. Returns the error number, 0 if none.
  private static func lock(_ number: Int32) -> Int32 {
    uninterrupted { flock(number, LOCK_EX | LOCK_NB) } == 0 ? 0 : errno
  }

  /// Makes a file with a name of its own, which is not removed after a kill.
  private static func another(
    _ folder: Int32, _ mode: mode_t?, _ failed: SystemError
  ) throws(DenpaError) -> (FilePath, Int32)? {
    for attempt in 0..<100 {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let name = FilePath(".denpa-\(getpid())-\(now.tv_sec)\(now.tv_nsec)-\(attempt).tmp")
      let number = try take(folder, name, mode, failed)
      if number >= 0 { return (name, number) }
    }
    return nil
  }

  /// Writes what `body` passes to its sink, and syncs it.
  func fill(_ body: (ByteSink) throws(DenpaError) -> Void) throws(DenpaError) {
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
    // Network file systems report a failed write when a descriptor is closed. The other one keeps the lock.
    let second = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard second >= 0 else { throw failed("close", errno) }
    let code = FileDescriptor(second).closed()
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
