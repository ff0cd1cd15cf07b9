import DenpaCore
import Glibc

/// A file to be loaded, checked before the dynamic linker reads it, which kills the process for a truncated
/// file (SIGBUS) and reports little about others.
struct SharedObject {
  let path: String
  /// Identifies the file, whatever its name.
  let device: UInt64
  let inode: UInt64

  /// `path` must contain a '/': there is no search.
  init(path given: String) throws(DenpaError) {
    guard given.utf8.contains(UInt8(ascii: "/")) else {
      throw DenpaError(
        .badArgument,
        "plugin \"\(given)\": expected a path with a '/', such as \"./\(given)\"; plugins are not searched for"
      )
    }
    guard let resolved = realpath(given, nil) else {
      let reason = errno
      throw DenpaError(
        reason == ENOENT || reason == ENOTDIR ? .notFound : .ioError,
        "plugin \"\(given)\": \(cString: strerror(reason))")
    }
    path = String(cString: resolved)
    free(resolved)
    // Non-blocking, because the path may be a pipe without a writer.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else {
      throw DenpaError(
        errno == ENOENT ? .notFound : .ioError, "plugin \"\(path)\": \(cString: strerror(errno))")
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else {
      throw DenpaError(.ioError, "plugin \"\(path)\": \(cString: strerror(errno))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw DenpaError(.badPlugin, "plugin \"\(path)\": expected a shared object, this is no regular file")
    }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    try SharedObject.checkELF(file, size: Int(status.st_size), path)
  }

  /// Loads the file permanently, by any spelling of its path. Its constructors run.
  func load(as spelling: String) throws(DenpaError) -> UnsafeMutableRawPointer {
    dlerror()
    if let handle = dlopen(spelling, RTLD_NOW | RTLD_LOCAL) { return handle }
    throw DenpaError(.badPlugin, "plugin \"\(path)\" cannot be loaded: \(cString: dlerror())")
  }

  // MARK: ELF

  private static let headerBytes = 64
  private static let segmentBytes = 56
  /// PT_LOAD
  private static let loaded: UInt32 = 1

  #if arch(x86_64)
    private static let machine: UInt16 = 62
    private static let machineName = "x86-64"
  #else
    private static let machine: UInt16 = 183
    private static let machineName = "arm64"
  #endif

  private static func checkELF(_ file: Int32, size: Int, _ path: String) throws(DenpaError) {
    func fail(_ reason: Message) -> DenpaError { DenpaError(.badPlugin, "plugin \"\(path)\": \(reason)") }
    var header = InlineArray<64, UInt8>(repeating: 0)
    guard read(file, &header, headerBytes, at: 0), header[0] == 0x7F, header[1] == UInt8(ascii: "E"),
      header[2] == UInt8(ascii: "L"), header[3] == UInt8(ascii: "F")
    else { throw fail("expected a shared object (ELF), this is none") }
    let fields = withUnsafeBytes(of: header) { bytes in
      (
        type: bytes.load(fromByteOffset: 16, as: UInt16.self),
        machine: bytes.load(fromByteOffset: 18, as: UInt16.self),
        segments: bytes.load(fromByteOffset: 32, as: UInt64.self),
        size: bytes.load(fromByteOffset: 54, as: UInt16.self),
        count: bytes.load(fromByteOffset: 56, as: UInt16.self)
      )
    }
    guard header[4] == 2, header[5] == 1, fields.machine == machine else {
      throw fail(
        "it is built for another kind of machine (ELF machine \(fields.machine)); this is \(machineName)")
    }
    guard fields.type == 3 else { throw fail("expected a shared object: link it with -shared -fPIC") }
    guard fields.size == UInt16(segmentBytes), fields.count > 0 else {
      throw fail("its ELF header is damaged")
    }
    for index in 0..<Int(fields.count) {
      var segment = InlineArray<56, UInt8>(repeating: 0)
      let (offset, overflow) = fields.segments.addingReportingOverflow(UInt64(index * segmentBytes))
      guard !overflow, offset < UInt64(size), read(file, &segment, segmentBytes, at: Int(offset)) else {
        throw fail("it is cut short: its segments are described behind its end")
      }
      let (type, start, length) = withUnsafeBytes(of: segment) { bytes in
        (
          bytes.load(as: UInt32.self), bytes.load(fromByteOffset: 8, as: UInt64.self),
          bytes.load(fromByteOffset: 32, as: UInt64.self)
        )
      }
      guard type == loaded else { continue }
      let (end, tooFar) = start.addingReportingOverflow(length)
      guard !tooFar, end <= UInt64(size) else {
        throw fail("it is cut short: a segment ends at byte \(end), the file at \(size)")
      }
    }
  }

  private static func read<let count: Int>(
    _ file: Int32, _ memory: inout InlineArray<count, UInt8>, _ bytes: Int, at offset: Int
  ) -> Bool {
    withUnsafeMutableBytes(of: &memory) { pread(file, $0.baseAddress, bytes, off_t(offset)) == bytes }
  }
}
