import DenpaCore
import Glibc

/// Whole files, read and written so that a reader finds the old contents or the new ones, never a part, even
/// after an error, a kill or a power failure.
public enum AtomicFile {
  /// Linux transfers at most 2 GiB per call.
  static let chunk = 1 << 30
  private static let linkLimit = 40

  /// Writes what `body` passes to its sink to a temporary file next to `path`, and renames it once it is
  /// safely on disk. On an error, including `body`'s, the temporary file is removed and the old file is
  /// unchanged, with one exception: if only syncing the folder fails, the new file is in place and the error
  /// says so.
  ///
  /// The old file's permissions are kept (a new one gets 0666 less the umask); a symbolic link stays and its
  /// target is replaced. A kill may leave behind a file named `.denpa-*.tmp`, which the next write to the same
  /// folder removes.
  public static func write(path: FilePath, _ body: (ByteSink) throws(DenpaError) -> Void) throws(DenpaError) {
    try checkPath(path)
    let target = try resolve(path)
    let failed = SystemError(path: path)
    // Only by the folder's descriptor from here on, so that neither chdir nor a renamed folder interferes
    // between the steps.
    let opened = uninterrupted { open(target.folder.bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard opened >= 0 else { throw failed("open the folder of", errno) }
    let folder = FileDescriptor(opened)
    let mode = try oldMode(folder.number, target.name, failed)
    let temporary = try TemporaryFile(folder: folder.number, mode: mode, failed: failed)
    do throws(DenpaError) {
      try temporary.fill(body)
      try checkMemory("a file to be written")
      guard renameat(folder.number, temporary.name.bytes, folder.number, target.name.bytes) == 0 else {
        throw failed("rename a temporary file to", errno)
      }
    } catch {
      _ = unlinkat(folder.number, temporary.name.bytes, 0)
      throw error
    }
    // The new name is there but may not survive a power failure. EINVAL: the file system cannot sync folders.
    guard uninterrupted({ fsync(folder.number) }) == 0 || errno == EINVAL else {
      throw failed("sync, though the new file is there, the folder of", errno)
    }
  }

  /// Returns the permissions of the file to be replaced, if there is one. Anything but a regular file is
  /// refused: nobody means to replace /dev/null.
  private static func oldMode(
    _ folder: Int32, _ name: FilePath, _ failed: SystemError
  ) throws(DenpaError) -> mode_t? {
    var old = stat()
    guard fstatat(folder, name.bytes, &old, AT_SYMLINK_NOFOLLOW) == 0 else {
      let code = errno
      if code == ENOENT { return nil }
      throw failed("look at", code)
    }
    switch old.st_mode & S_IFMT {
    case S_IFREG:
      // Renaming does not require write permission, but its absence is deliberate.
      guard faccessat(folder, name.bytes, W_OK, AT_EACCESS) == 0 else { throw failed("write", errno) }
      return old.st_mode & 0o777
    case S_IFDIR: throw failed(.ioError, "is a folder")
    default: throw failed(.ioError, "is not a regular file")
    }
  }

  // MARK: - Links

  /// Follows the symbolic links of a path's last component, to a file that may not exist yet, and splits it.
  private static func resolve(_ path: FilePath) throws(DenpaError) -> (folder: FilePath, name: FilePath) {
    let failed = SystemError(path: path)
    var path = path
    for _ in 0...linkLimit {
      let (folder, name) = path.split
      guard !name.isFolderName else { throw failed(.ioError, "is a folder") }
      guard let link = try readLink(path, failed) else { return (folder, name) }
      path = folder.resolving(link)
    }
    throw failed("follow the links of", ELOOP)
  }

  /// Returns a symbolic link's target; `nil` for anything else, and if there is nothing.
  private static func readLink(_ path: FilePath, _ failed: SystemError) throws(DenpaError) -> FilePath? {
    let (length, code, link) = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) {
      buffer in
      guard let base = buffer.baseAddress else { return (-1, ENOMEM, nil as FilePath?) }
      let length = readlink(path.bytes, base, buffer.count)
      let code = errno
      return (length, code, FilePath(UnsafeRawBufferPointer(start: base, count: max(length, 0))))
    }
    if length < 0 {
      // EINVAL: not a link. Other problems with the path are reported by later calls.
      guard code == EINVAL || code == ENOENT else { throw failed("look at", code) }
      return nil
    }
    guard let link, length < Int(PATH_MAX) else {
      throw failed(.ioError, "is a link that cannot be followed")
    }
    return link
  }
}
