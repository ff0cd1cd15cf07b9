import DenpaCore
import DenpaFormats
import Glibc
import XCTest

/// Temporary files: those that a killed process has left are removed, those of others are not touched.
final class TemporaryFileTests: XCTestCase {
  private var folder = ""

  override func setUpWithError() throws {
    var template = Array("/tmp/denpa-temporary-XXXXXX".utf8CString)
    XCTAssertNotNil(mkdtemp(&template))
    folder = String(cString: Array(template))
  }

  override func tearDown() {
    for name in contents() {
      unlink(folder + "/" + name)
      rmdir(folder + "/" + name)
    }
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

  private func write(_ name: String, _ byte: UInt8) throws {
    try AtomicFile.write(path: path(name)) { (sink) throws(DenpaError) in
      try withUnsafeBytes(of: byte) { (bytes) throws(DenpaError) in try sink(bytes) }
    }
  }

  private func read(_ name: String) throws -> [UInt8] {
    let buffer = try AtomicFile.read(path: path(name))
    return Array(UnsafeRawBufferPointer(start: buffer.base, count: buffer.byteCount))
  }

  /// Makes a file as a killed process leaves it; returns its descriptor.
  private func leave(_ name: String) -> Int32 { open(path(name), O_RDWR | O_CREAT, 0o600) }

  func testAbandonedFilesAreRemoved() throws {
    for place in [0, 1, 4, 5] { close(leave(".denpa-\(place).tmp")) }
    try write("f", 1)
    XCTAssertEqual(contents(), ["f"])
    // Many at once, after as many writers.
    for place in 0..<64 { close(leave(".denpa-\(place).tmp")) }
    try write("f", 2)
    XCTAssertEqual(contents(), ["f"])
    XCTAssertEqual(try read("f"), [2])
  }

  func testFilesOfOthersStay() throws {
    let (held, others) = (leave(".denpa-0.tmp"), leave(".denpa-1.tmp"))
    defer { close(others) }
    XCTAssertEqual(flock(held, LOCK_EX), 0)
    try write("f", 1)
    XCTAssertEqual(contents(), [".denpa-0.tmp", "f"])
    close(held)
    try write("f", 2)
    XCTAssertEqual(contents(), ["f"])
  }

  /// What somebody puts in the way is neither followed nor removed nor waited for.
  func testWhatIsInTheWay() throws {
    try write("victim", 7)
    XCTAssertEqual(symlink("victim", path(".denpa-0.tmp")), 0)
    XCTAssertEqual(mkfifo(path(".denpa-1.tmp"), 0o600), 0)
    XCTAssertEqual(mkdir(path(".denpa-2.tmp"), 0o700), 0)
    try write("f", 1)
    XCTAssertEqual(contents(), [".denpa-0.tmp", ".denpa-1.tmp", ".denpa-2.tmp", "f", "victim"])
    XCTAssertEqual(try read("f"), [1])
    XCTAssertEqual(try read("victim"), [7])
    // Even if every place is taken.
    for place in 3..<64 { XCTAssertEqual(mkdir(path(".denpa-\(place).tmp"), 0o700), 0) }
    try write("f", 2)
    XCTAssertEqual(try read("f"), [2])
    XCTAssertEqual(contents().count, 66)
  }

  /// While a file is written, its temporary file is there and locked, even for other savers in the folder.
  func testAWriterInAWriter() throws {
    try AtomicFile.write(path: path("outer")) { (_) throws(DenpaError) in
      XCTAssertEqual(contents(), [".denpa-0.tmp"])
      try AtomicFile.write(path: path("inner")) { (_) throws(DenpaError) in
        XCTAssertEqual(contents(), [".denpa-0.tmp", ".denpa-1.tmp"])
      }
      XCTAssertEqual(contents(), [".denpa-0.tmp", "inner"])
    }
    XCTAssertEqual(contents(), ["inner", "outer"])
  }

  /// Savers of one file beside one another: none fails, none removes another's, nothing is left.
  func testManyWriters() throws {
    try write("f", 0)
    let path = path("f")
    let writers = (0..<8).map { number in
      let done = expectation(description: "writer \(number)")
      let thread = Thread {
        for round in 0..<200 {
          do {
            try AtomicFile.write(path: path) { (sink) throws(DenpaError) in
              let bytes = [UInt8](repeating: UInt8(number), count: 1 + round * 10)
              try bytes.withUnsafeBufferPointer { (bytes) throws(DenpaError) in
                try sink(UnsafeRawBufferPointer(bytes))
              }
            }
          } catch {
            XCTFail("\(error)")
          }
        }
        done.fulfill()
      }
      thread.start()
      return done
    }
    wait(for: writers, timeout: 120)
    XCTAssertEqual(contents(), ["f"])
    XCTAssertEqual(try read("f").count, 1_991)
  }

  func testPathsThatAreNotUTF8() throws {
    let bytes = Array(folder.utf8) + [0x2F, 0xFF, 0xFE, 0x41]
    try AtomicFile.write(path: FilePath(bytes)) { (_) throws(DenpaError) in }
    XCTAssertEqual(try AtomicFile.read(path: FilePath(bytes)).byteCount, 0)
    // Through a link whose target is not UTF-8 either.
    let target = bytes.map { CChar(bitPattern: $0) } + [0]
    XCTAssertEqual(symlink(target, path("link")), 0)
    try write("link", 5)
    XCTAssertEqual(try AtomicFile.read(path: FilePath(bytes)).byteCount, 1)
    let absent = failure { _ = try AtomicFile.read(path: FilePath(bytes + [0x42])) }
    XCTAssertEqual(
      absent?.description, "cannot open \"\(folder)/\u{FFFD}\u{FFFD}AB\": No such file or directory")
    unlink(target)
    unlink(path("link"))
  }
}
