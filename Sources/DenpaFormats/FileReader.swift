import DenpaCore
import Glibc

extension AtomicFile {
  /// Reads a whole regular file. A file that changes meanwhile is an error: half of one version and half of
  /// another would be neither.
  public static func read(path: FilePath) throws(DenpaError) -> Buffer {
    try checkPath(path)
    let failed = SystemError(path: path)
    // Without O_NONBLOCK, opening a fifo would wait for a writer; without O_NOCTTY, a terminal could become
    // the controlling one.
    let number = uninterrupted { open(path.bytes, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
    guard number >= 0 else { throw failed("open", errno) }
    let file = FileDescriptor(number)

    let before = try status(file, failed)
    switch before.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw failed(.ioError, "is a folder")
    default: throw failed(.ioError, "is not a regular file")
    }
    let size = Int(before.st_size)
    let buffer = try Buffer(byteCount: size, zeroed: false, "a file's contents")

    var position = 0
    while position < size {
      let count = uninterrupted {
        Glibc.read(file.number, buffer.base + position, min(size - position, chunk))
      }
      guard count >= 0 else { throw failed("read", errno) }
      guard count > 0 else { throw failed(.ioError, "became shorter while it was read") }
      position += count
    }
    // A file may grow without its time changing, if it is written twice within one clock tick.
    var extra: UInt8 = 0
    let more = uninterrupted { Glibc.read(file.number, &extra, 1) }
    guard more >= 0 else { throw failed("read", errno) }
    let after = try status(file, failed)
    guard more == 0, after.st_size == before.st_size, after.st_mtim.tv_sec == before.st_mtim.tv_sec,
      after.st_mtim.tv_nsec == before.st_mtim.tv_nsec
    else { throw failed(.ioError, "changed while it was read") }
    return buffer
  }

  private static func status(_ file: borrowing FileDescriptor, _ failed: SystemError) throws(DenpaError)
    -> stat
  {
    var status = stat()
    guard fstat(file.number, &status) == 0 else { throw failed("look at", errno) }
    return status
  }
}
