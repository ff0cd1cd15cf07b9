import DenpaCore
import DenpaFormats
import Glibc
import XCTest

/// Saving and loading under conditions that a test can create: links, permissions, limits, other threads.
final class AtomicFileTests: XCTestCase {
  private var folder = ""

  override func setUpWithError() throws {
    var template = Array("/tmp/denpa-formats-XXXXXX".utf8CString)
    XCTAssertNotNil(mkdtemp(&template))
    folder = String(cString: Array(template))
  }

  override func tearDown() {
    for name in contents() { unlink(folder + "/" + name) }
    XCTAssertEqual(rmdir(folder), 0, "something is left in \(folder)")
  }

  private func contents() -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private func path(_ name: String) -> String { folder + "/" + name }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    try AtomicFile.write(path: path(name)) { (sink) throws(DenpaError) in
      try bytes.withUnsafeBufferPointer { (bytes) throws(DenpaError) in
        try sink(UnsafeRawBufferPointer(bytes))
      }
    }
  }

  private func read(_ name: String) throws -> [UInt8] {
    let buffer = try AtomicFile.read(path: path(name))
    return Array(UnsafeRawBufferPointer(start: buffer.base, count: buffer.byteCount))
  }

  private func mode(_ name: String) -> mode_t {
    var status = stat()
    return lstat(path(name), &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  // MARK: - What works

  func testSizes() throws {
    for count in [0, 1, 4_095, 256 << 10 - 1, 256 << 10, 256 << 10 + 1, 3_000_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
      try write("f", bytes)
      XCTAssertTrue(try read("f") == bytes, "\(count) bytes")
    }
    XCTAssertEqual(contents(), ["f"])
  }

  func testPieces() throws {
    var random = TestRandom(state: 5)
    let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    try AtomicFile.write(path: path("f")) { (sink) throws(DenpaError) in
      var position = 0
      while position < bytes.count {
        let limit = [10, 100_000, 300_000].randomElement(using: &random) ?? 1
        let end = min(bytes.count, position + Int.random(in: 0...limit, using: &random))
        try bytes[position..<end].withUnsafeBufferPointer { (piece) throws(DenpaError) in
          try sink(UnsafeRawBufferPointer(piece))
        }
        position = end
      }
    }
    XCTAssertTrue(try read("f") == bytes)
  }

  func testAFileOfTensors() throws {
    let x: [Float] = [1, 2, 3]
    try x.withUnsafeBytes { x in
      let tensors = [TensorEntry(name: "x", type: TensorType(.float32, [3]), data: x)]
      try AtomicFile.write(path: path("model")) { (sink) throws(DenpaError) in
        try Safetensors.write(tensors: tensors, metadata: [], checksummed: true, to: sink)
      }
    }
    let file = try ParsedFile(read("model"), requireChecksum: true)
    XCTAssertEqual(file.types, ["x": TensorType(.float32, [3])])
  }

  func testPermissions() throws {
    let old = umask(0o027)
    defer { umask(old) }
    try write("new", [1])
    XCTAssertEqual(mode("new"), 0o640)
    chmod(path("new"), 0o604)
    try write("new", [2])
    XCTAssertEqual(mode("new"), 0o604, "kept, whatever the umask")
    XCTAssertEqual(try read("new"), [2])
  }

  func testRelativePaths() throws {
    let before = try XCTUnwrap(getcwd(nil, 0))
    defer {
      chdir(before)
      free(before)
    }
    XCTAssertEqual(chdir(folder), 0)
    try AtomicFile.write(path: "here") { (_) throws(DenpaError) in }
    XCTAssertEqual(try AtomicFile.read(path: "./here").byteCount, 0)
    // If the folder is renamed meanwhile, the file is still written to it.
    try AtomicFile.write(path: "there") { (_) throws(DenpaError) in chdir("/") }
    XCTAssertEqual(contents(), ["here", "there"])
  }

  func testLinks() throws {
    try write("target", [1])
    XCTAssertEqual(symlink("target", path("relative")), 0)
    XCTAssertEqual(symlink(path("relative"), path("chain")), 0)
    XCTAssertEqual(symlink("absent", path("dangling")), 0)
    XCTAssertEqual(symlink("loop", path("loop")), 0)
    try write("chain", [2])
    XCTAssertEqual(try read("target"), [2])
    XCTAssertEqual(try read("chain"), [2])
    try write("dangling", [3])
    XCTAssertEqual(try read("absent"), [3])
    XCTAssertEqual(failure { try write("loop", [4]) }?.status, .ioError)
    XCTAssertEqual(failure { _ = try read("loop") }?.status, .ioError)
    XCTAssertEqual(mode("chain") & 0o777, 0o777, "still a link")
    XCTAssertEqual(contents(), ["absent", "chain", "dangling", "loop", "relative", "target"])
  }

  func testLongNames() throws {
    let name = String(repeating: "n", count: 255)
    try write(name, [1])
    XCTAssertEqual(try read(name), [1])
    let error = failure { try write(name + "n", [1]) }
    XCTAssertEqual(error?.status, .ioError)
    XCTAssertTrue(error?.description.hasSuffix("File name too long") ?? false, error?.description ?? "")
    let deep = String(repeating: "é/", count: 10_000)
    XCTAssertTrue(failure { _ = try read(deep) }?.description.hasSuffix("File name too long") ?? false)
  }

  // MARK: - What fails

  /// The body's error is thrown, the old file remains, and no other file does.
  func testAFailingBody() throws {
    try write("f", [1, 2, 3])
    let long = [UInt8](repeating: 9, count: 1_000_000)
    let error = failure {
      try AtomicFile.write(path: path("f")) { (sink) throws(DenpaError) in
        try long.withUnsafeBufferPointer { (bytes) throws(DenpaError) in
          try sink(UnsafeRawBufferPointer(bytes))
        }
        throw DenpaError(.stopped, "enough")
      }
    }
    XCTAssertEqual(error?.status, .stopped)
    XCTAssertEqual(try read("f"), [1, 2, 3])
    XCTAssertEqual(contents(), ["f"])
  }

  /// A limit on file sizes replaces a full disk: the write is cut short, the next one fails. Its signal would
  /// kill the process.
  func testNoSpace() throws {
    try write("f", [1, 2, 3])
    var old = rlimit()
    getrlimit(__rlimit_resource_t(1), &old)
    var limit = rlimit(rlim_cur: 700_000, rlim_max: old.rlim_max)
    XCTAssertEqual(setrlimit(__rlimit_resource_t(1), &limit), 0)
    defer { setrlimit(__rlimit_resource_t(1), &old) }
    let piece = [UInt8](repeating: 9, count: 100_000)
    var swallowed = 0
    let errors = [
      failure { try write("f", [UInt8](repeating: 9, count: 1_000_000)) },
      // A body that continues after its sink has failed.
      failure {
        try AtomicFile.write(path: path("f")) { (sink) throws(DenpaError) in
          for _ in 0..<20 {
            do throws(DenpaError) {
              try piece.withUnsafeBufferPointer { (bytes) throws(DenpaError) in
                try sink(UnsafeRawBufferPointer(bytes))
              }
            } catch {
              swallowed += 1
            }
          }
        }
      },
    ]
    for error in errors {
      XCTAssertEqual(error?.status, .ioError)
      XCTAssertEqual(error?.description, "cannot write \"\(path("f"))\": File too large")
    }
    XCTAssertGreaterThan(swallowed, 5)
    var pending = sigset_t()
    sigpending(&pending)
    XCTAssertEqual(sigismember(&pending, SIGXFSZ), 0)
    var blocked = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &blocked)
    XCTAssertEqual(sigismember(&blocked, SIGXFSZ), 0)
    XCTAssertEqual(try read("f"), [1, 2, 3])
    XCTAssertEqual(contents(), ["f"])
  }

  func testPaths() {
    for name in ["", "a\0b"] {
      XCTAssertEqual(
        failure { try AtomicFile.write(path: name) { (_) throws(DenpaError) in } }?.status, .badArgument)
      XCTAssertEqual(failure { _ = try AtomicFile.read(path: name) }?.status, .badArgument)
    }
    XCTAssertEqual(failure { _ = try read("absent") }?.status, .notFound)
    XCTAssertEqual(
      failure { _ = try read("absent") }?.description,
      "cannot open \"\(path("absent"))\": No such file or directory")
    XCTAssertEqual(failure { try write("absent/f", []) }?.status, .notFound)
    XCTAssertEqual(failure { try write("f/", []) }?.status, .ioError)
    for name in [folder, folder + "/", folder + "/.", "/", ".", ".."] {
      XCTAssertEqual(failure(name) { _ = try AtomicFile.read(path: name) }?.status, .ioError)
      let error = failure(name) { try AtomicFile.write(path: name) { (_) throws(DenpaError) in } }
      XCTAssertEqual(error?.status, .ioError)
      XCTAssertTrue(error?.description.hasSuffix("is a folder") ?? false, error?.description ?? "")
    }
  }

  func testWhatIsNoFile() throws {
    XCTAssertEqual(mkfifo(path("fifo"), 0o600), 0)
    for name in [path("fifo"), "/dev/null", "/dev/zero", "/dev/full"] {
      XCTAssertEqual(failure(name) { _ = try AtomicFile.read(path: name) }?.status, .ioError)
      let error = failure(name) { try AtomicFile.write(path: name) { (_) throws(DenpaError) in } }
      XCTAssertEqual(error?.description, "\"\(name)\" is not a regular file")
    }
    try write("f", [])
    XCTAssertEqual(failure { _ = try read("f/g") }?.status, .ioError)
    XCTAssertEqual(failure { try write("f/g", []) }?.status, .ioError)
    // A reported size of 0 that is wrong: the file has grown as soon as it is read.
    XCTAssertEqual(failure { _ = try AtomicFile.read(path: "/proc/self/status") }?.status, .ioError)
  }

  func testWithoutPermission() throws {
    try write("f", [1])
    try write("unreadable", [1])
    chmod(path("unreadable"), 0)
    chmod(path("f"), 0o444)
    chmod(folder, 0o755)
    // The superuser may do everything, so the test becomes another user for a while.
    let isRoot = geteuid() == 0
    if isRoot { XCTAssertEqual(seteuid(65_534), 0) }
    let readOnly = failure { try write("f", [2]) }
    let unreadable = failure { _ = try read("unreadable") }
    if !isRoot { chmod(folder, 0o555) }
    let folderReadOnly = failure { try write("new", [2]) }
    if isRoot { XCTAssertEqual(seteuid(0), 0) }
    chmod(folder, 0o755)
    for error in [readOnly, unreadable, folderReadOnly] {
      XCTAssertEqual(error?.status, .ioError)
      XCTAssertTrue(error?.description.hasSuffix("Permission denied") ?? false, error?.description ?? "")
    }
    XCTAssertEqual(try read("f"), [1])
    XCTAssertEqual(contents(), ["f", "unreadable"])
  }

  /// While a writer is at work, readers see one version or the other and never an error: a new version is
  /// another file.
  func testReadersBesideAWriter() throws {
    try write("f", [UInt8](repeating: 0, count: 300_000))
    let path = path("f")
    let done = expectation(description: "reader")
    let reader = Thread {
      var versions = Set<UInt8>()
      // Until a few versions have been seen; the writer continues until then.
      for round in 0..<20_000 where round < 200 || versions.count < 3 {
        guard let buffer = try? AtomicFile.read(path: path) else {
          XCTFail("a reader failed")
          continue
        }
        let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.byteCount)
        if bytes.count != 300_000 || !bytes.allSatisfy({ $0 == bytes[0] }) { XCTFail("a torn file") }
        versions.insert(bytes[0])
      }
      XCTAssertGreaterThan(versions.count, 2)
      done.fulfill()
    }
    reader.start()
    for version in 1...100_000 where version <= 20 || !reader.isFinished {
      try write("f", [UInt8](repeating: UInt8(version % 256), count: 300_000))
    }
    wait(for: [done], timeout: 60)
  }

  func testAFileThatChangesWhileItIsRead() throws {
    let size = 64 << 20
    try write("f", [UInt8](repeating: 0, count: size))
    let path = path("f")
    let done = expectation(description: "writer")
    let writer = Thread {
      let number = open(path, O_WRONLY)
      for _ in 0..<2_000 {
        _ = pwrite(number, path, 1, 0)
        usleep(100)
      }
      close(number)
      done.fulfill()
    }
    writer.start()
    usleep(10_000)
    let error = failure { _ = try read("f") }
    XCTAssertTrue(
      error?.description.hasSuffix("changed while it was read") ?? false, error?.description ?? "")
    wait(for: [done], timeout: 60)
  }
}
