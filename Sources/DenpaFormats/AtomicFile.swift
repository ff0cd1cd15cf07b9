import DenpaCore
import Glibc

/// Whole files, read and written so that a reader finds the old contents or the new ones, never a part: after
/// an error, a kill or a power cut too.
public enum AtomicFile {
  /// Linux transfers at most 2 GiB in a call.
  static let chunk = 1 << 30
  private static let linkLimit = 40

  /// Writes what `body` gives to its sink, to a temporary file beside `path`, and when it is safely on the
  /// disk lets it take that name. On an error, `body`'s own included, the temporary is removed and the old
  /// file is as it was; with one exception: when all is done but the folder cannot be synced, the new file is
  /// there and the error says so.
  ///
  /// The old file's permissions are kept (of a new one: 0666 less the umask); a symbolic link stays, its
  /// target is replaced. After a kill, a file named `.denpa-*.tmp` may stay behind.
  public static func write(path: String, _ body: (ByteSink) throws(DenpaError) -> Void) throws(DenpaError) {
    try checkPath(path)
    let target = try resolve(path)
    let failed = SystemError(path: path)
    // By the folder's descriptor alone from here on: neither chdir nor the folder's renaming gets between the
    // steps.
    let opened = uninterrupted { open(target.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard opened >= 0 else { throw failed("open the folder of", errno) }
    let folder = FileDescriptor(opened)
    let mode = try oldMode(folder.number, target.name, failed)
    let temporary = try TemporaryFile(folder: folder.number, mode: mode, failed: failed)
    let name = temporary.name
    do throws(DenpaError) {
      try temporary.fill(body)
      try checkMemory("a file to be written")
      guard renameat(folder.number, name, folder.number, target.name) == 0 else {
        throw failed("rename a temporary file to", errno)
      }
    } catch {
      _ = unlinkat(folder.number, name, 0)
      throw error
    }
    // The new name is there but might not outlive a power cut. Some file systems cannot sync folders: EINVAL.
    guard uninterrupted({ fsync(folder.number) }) == 0 || errno == EINVAL else {
      throw failed("sync, though the new file is there, the folder of", errno)
    }
  }

  /// The permissions of the file that is to be replaced, if there is one. What is not a regular file is left
  /// alone: nobody means to replace /dev/null.
  private static func oldMode(
    _ folder: Int32, _ name: String, _ failed: SystemError
  ) throws(DenpaError) -> mode_t? {
    var old = stat()
    guard fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) == 0 else {
      let code = errno
      if code == ENOENT { return nil }
      throw failed("look at", code)
    }
    switch old.st_mode & S_IFMT {
    case S_IFREG:
      // The renaming would not ask, but who takes away the permission to write means it.
      guard faccessat(folder, name, W_OK, AT_EACCESS) == 0 else { throw failed("write", errno) }
      return old.st_mode & 0o777
    case S_IFDIR: throw failed(.ioError, "is a folder")
    default: throw failed(.ioError, "is not a regular file")
    }
  }

  // MARK: - Links

  /// Follows the links that the last part of a path names, to a file that need not exist yet, and takes the
  /// path apart.
  private static func resolve(_ path: String) throws(DenpaError) -> (folder: String, name: String) {
    let failed = SystemError(path: path)
    var path = path
    for _ in 0...linkLimit {
      let (folder, name) = split(path)
      guard !["", ".", ".."].contains(name) else { throw failed(.ioError, "is a folder") }
      guard let link = try readLink(path, failed) else { return (folder, name) }
      path = link.hasPrefix("/") ? link : folder + "/" + link
    }
    throw failed("follow the links of", ELOOP)
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    let bytes = path.utf8
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[bytes.index(after: slash)...])
    return (slash == bytes.startIndex ? "/" : String(path[..<slash]), name)
  }

  /// What a symbolic link says; `nil` for anything else, and for what is not there.
  private static func readLink(_ path: String, _ failed: SystemError) throws(DenpaError) -> String? {
    let (length, code, link) = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) {
      buffer in
      guard let base = buffer.baseAddress else { return (-1, ENOMEM, nil as String?) }
      let length = readlink(path, base, buffer.count)
      let code = errno
      let text = UnsafeRawBufferPointer(start: base, count: max(length, 0))
      return (length, code, String(validating: text, as: UTF8.self))
    }
    if length < 0 {
      // EINVAL: no link. What else is wrong with the path the following calls say.
      guard code == EINVAL || code == ENOENT else { throw failed("look at", code) }
      return nil
    }
    guard let link, length < Int(PATH_MAX) else {
      throw failed(.ioError, "is a link that cannot be followed")
    }
    return link
  }
}
