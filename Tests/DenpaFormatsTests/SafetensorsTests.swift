import DenpaCore
import DenpaFormats
import XCTest

final class SafetensorsTests: TensorTestCase {
  /// The tensors of golden.py, in its order.
  private func goldenTensors() throws -> [TensorEntry] {
    [
      try tensor("b", .uint8, [3], [1, 2, 3]),
      try tensor("a", .float32, [2, 2], elements: [1.5, -2.25, Float.infinity, .leastNonzeroMagnitude]),
      try tensor("dense_1.W", .float32, [2, 3, 2], elements: (0..<12).map { Float($0) }),
      try tensor("optimizer/step", .int64, [], elements: [Int64(1 << 62 + 1)]),
      try tensor("classes", .int32, [2], elements: [-1, Int32.max]),
      try tensor("loss", .float64, [2], elements: [0.1, -0.0]),
      try tensor("empty", .float32, [0, 5], []),
      try tensor("伝播 \"quoted\" \\ \t\u{1}", .uint8, [], [7]),
    ]
  }

  // MARK: - Against the reference implementation

  func testWritesTheBytesOfTheReference() throws {
    let tensors = try goldenTensors()
    let bytes = try write(tensors, [("format", "np")], checksummed: false)
    XCTAssertEqual(bytes, try goldenFile("every dtype"))
    XCTAssertEqual(try write(tensors.reversed(), [("format", "np")], checksummed: false), bytes)

    let one = try tensor("x", .float32, [3], elements: [1, 2, 3 as Float])
    XCTAssertEqual(try write([one], checksummed: false), try goldenFile("no metadata"))
    let note = [("note", "two\nlines, \"quoted\", 伝播")]
    XCTAssertEqual(try write([], note, checksummed: false), try goldenFile("no tensors"))
    XCTAssertEqual(try write([], checksummed: false), [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
  }

  func testWritesTheChecksumOfAnIndependentImplementation() throws {
    let bytes = try write(goldenTensors(), [("graph", "{}")])
    XCTAssertEqual(bytes, try goldenFile("denpa"))
    let file = try ParsedFile(bytes, requireChecksum: true)
    XCTAssertTrue(file.isVerified)
    XCTAssertEqual(file.metadata, ["graph": "{}"])
  }

  func testReadsTheFilesOfTheReference() throws {
    let bytes = try goldenFile("every dtype")
    let expected = try goldenTensors()
    let file = try ParsedFile(bytes, requireChecksum: false)
    XCTAssertFalse(file.isVerified)
    XCTAssertEqual(file.metadata, ["format": "np"])
    XCTAssertEqual(file.types.count, expected.count)
    for tensor in expected {
      XCTAssertEqual(file.types[tensor.name], tensor.type)
      XCTAssertEqual(file.data[tensor.name], Array(tensor.data))
    }
    XCTAssertEqual(failure { _ = try ParsedFile(bytes, requireChecksum: true) }?.status, .badFile)
  }

  func testOtherDTypesAreNamed() throws {
    for (file, dtype) in [("bfloat16", "\"BF16\""), ("float16", "\"F16\"")] {
      let bytes = try goldenFile(file)
      let error = try XCTUnwrap(failure { _ = try ParsedFile(bytes, requireChecksum: false) })
      XCTAssertEqual(error.status, .notSupported)
      XCTAssertTrue(
        error.description.contains("\"half\"") && error.description.contains(dtype), error.description)
    }
  }

  // MARK: - Writing

  func testByteCountAndWritingIntoMemory() throws {
    let tensors = try goldenTensors()
    let bytes = try write(tensors, [("k", "v")])
    let count = try Safetensors.byteCount(tensors: tensors, metadata: [("k", "v")], checksummed: true)
    XCTAssertEqual(count, bytes.count)
    var target = [UInt8](repeating: 0xEE, count: count + 5)
    let written = try target.withUnsafeMutableBytes {
      try Safetensors.write(tensors: tensors, metadata: [("k", "v")], checksummed: true, into: $0)
    }
    XCTAssertEqual(written, count)
    XCTAssertEqual(target, bytes + Array(repeating: 0xEE, count: 5))
    let error = failure {
      _ = try target.withUnsafeMutableBytes {
        try Safetensors.write(
          tensors: tensors, metadata: [("k", "v")], checksummed: true,
          into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(count - 1)]))
      }
    }
    XCTAssertEqual(error?.status, .badArgument)
  }

  func testElementsAreAligned() throws {
    let bytes = try write(goldenTensors(), [("odd", "x")])
    try bytes.withUnsafeBytes { bytes in
      let file = try Safetensors.parse(bytes, requireChecksum: true)
      for tensor in file.tensors where !tensor.data.isEmpty {
        let offset = try XCTUnwrap(tensor.data.baseAddress) - XCTUnwrap(bytes.baseAddress)
        XCTAssertEqual(offset % tensor.type.dtype.size, 0, tensor.name)
      }
      XCTAssertEqual(file["classes"]?.type, TensorType(.int32, [2]))
      XCTAssertNil(file["absent"])
      XCTAssertEqual(file.metadata("odd"), "x")
      XCTAssertNil(file.metadata(Safetensors.checksumKey))
    }
  }

  func testWhatCannotBeWritten() throws {
    let entries = [
      try tensor("x", .uint8, [1], [1]),
      try tensor("", .uint8, [1], [1]),
      try tensor("__metadata__", .uint8, [1], [1]),
      try tensor("a\0b", .uint8, [1], [1]),
      try tensor(String(repeating: "é", count: 128), .uint8, [1], [1]),
      try tensor("short", .float32, [2], [1, 2, 3, 4]),
      try tensor("symbolic", .uint8, [Shape.batch], [1]),
      try tensor("huge", .uint8, [1 << 40, 1 << 40, 0], []),
      try tensor("é", .uint8, [1], [1]),
      try tensor("e\u{301}", .uint8, [1], [1]),
    ]
    func status(_ indices: [Int], _ metadata: [(String, String)] = []) -> Status? {
      failure("\(indices)") { _ = try write(indices.map { entries[$0] }, metadata) }?.status
    }
    XCTAssertEqual(status([0, 0]), .alreadyExists)
    // Swift regards these as equal, and so does every dictionary with such keys.
    XCTAssertEqual(status([8, 9]), .alreadyExists)
    for index in 1...4 { XCTAssertEqual(status([index]), .badArgument) }
    for index in 5...6 { XCTAssertEqual(status([index]), .badShape) }
    XCTAssertEqual(status([7]), .limitExceeded)
    XCTAssertEqual(status([0], [("denpa.checksum", "")]), .badArgument)
    XCTAssertEqual(status([0], [("k", "1"), ("k", "2")]), .badArgument)
    XCTAssertEqual(status([0], [("k", String(repeating: "x", count: 100_000_001))]), .limitExceeded)
  }

  func testASinksErrorComesThrough() throws {
    let tensors = try goldenTensors()
    let error = failure {
      try Safetensors.write(tensors: tensors, metadata: [], checksummed: true) { (_) throws(DenpaError) in
        throw DenpaError(.stopped, "enough")
      }
    }
    XCTAssertEqual(error?.status, .stopped)
  }

  // MARK: - Reading strictly

  private func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + data
  }

  private func described(_ name: String, _ begin: Int, _ end: Int) -> String {
    "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(end - begin)],\"data_offsets\":[\(begin),\(end)]}"
  }

  func testForeignHabitsAreRead() throws {
    // Any order of tensors and keys, white space, and no padding, so that the data is not aligned.
    let header =
      "{ \"a\" : {\"data_offsets\":[1,5],\"shape\":[1],\"dtype\":\"F32\"},\n\(described("b", 0, 1)),"
      + "\"none\":{\"dtype\":\"I64\",\"shape\":[3,0],\"data_offsets\":[1,1]} , \"__metadata__\": {} }\t "
    let parsed = try ParsedFile(file(header, [9, 1, 2, 3, 4]), requireChecksum: false)
    XCTAssertEqual(parsed.data, ["a": [1, 2, 3, 4], "b": [9], "none": []])
    XCTAssertEqual(parsed.order, ["a", "b", "none"])
    XCTAssertEqual(parsed.types["none"], TensorType(.int64, [3, 0]))
    XCTAssertNoThrow(try ParsedFile(file("{}", []), requireChecksum: false))
  }

  func testRefusedHeaders() {
    let x = "\"shape\":[4],\"data_offsets\":[0,4]"
    let long = String(repeating: "n", count: 256)
    let cases: [(String, Int)] = [
      ("", 0), (" {}", 0), ("[]", 0), ("{", 0), ("{}x", 0), ("{}\0", 0), ("{}", 1), ("{}{}", 0), ("null", 0),
      // holes, overlaps, tensors that are too short or too long
      ("{\(described("a", 1, 4))}", 4), ("{\(described("a", 0, 3))}", 4), ("{\(described("a", 0, 5))}", 4),
      ("{\(described("a", 0, 2)),\(described("b", 3, 4))}", 4),
      ("{\(described("a", 0, 3)),\(described("b", 2, 4))}", 4),
      ("{\(described("a", 0, 4)),\(described("b", 0, 4))}", 4),
      ("{\(described("a", 0, 4)),\(described("b", 2, 2))}", 4),
      // twice
      ("{\(described("a", 0, 2)),\(described("a", 2, 4))}", 4),
      ("{\(described("a", 0, 2)),\(described("\\u0061", 2, 4))}", 4),
      ("{\"__metadata__\":{},\"__metadata__\":{},\(described("a", 0, 4))}", 4),
      ("{\"__metadata__\":{\"k\":\"1\",\"k\":\"1\"},\(described("a", 0, 4))}", 4),
      ("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\(x)}}", 4),
      ("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\(x)}}", 4),
      // names
      ("{\(described("", 0, 4))}", 4), ("{\(described(long, 0, 4))}", 4),
      ("{\(described("a\\u0000b", 0, 4))}", 4),
      // metadata
      ("{\"__metadata__\":null,\(described("a", 0, 4))}", 4),
      ("{\"__metadata__\":{\"k\":1},\(described("a", 0, 4))}", 4),
      ("{\"__metadata__\":[],\(described("a", 0, 4))}", 4),
      ("{\"__metadata__\":{\"a\":\"\",\"denpa.checksum\":\"0123456789abcdef\"},\(described("a", 0, 4))}", 4),
      ("{\"__metadata__\":{\"denpa.checksum\":\"0123456789abcdef\"},\(described("a", 0, 4))}", 4),
      // the description of a tensor
      ("{\"a\":{}}", 0), ("{\"a\":[]}", 0), ("{\"a\":{\(x)}}", 4),
      ("{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4),
      ("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4),
      ("{\"a\":{\"dtype\":\"U8\",\(x),\"more\":1}}", 4),
      ("{\"a\":{\"dtype\":\"u8\",\(x)}}", 4), ("{\"a\":{\"dtype\":\"\",\(x)}}", 4),
      ("{\"a\":{\"dtype\":8,\(x)}}", 4),
      ("{\"a\":{\"dtype\":\"F32\",\(x)}}", 4),
    ]
    for (header, dataCount) in cases {
      let bytes = file(header, Array(repeating: 1, count: dataCount))
      XCTAssertEqual(
        failure(header) { _ = try ParsedFile(bytes, requireChecksum: false) }?.status, .badFile, header)
    }
  }

  func testRefusedShapesAndOffsets() {
    let cases = [
      ("[4]", "[0]"), ("[4]", "[0,4,4]"), ("[4]", "[]"), ("[4]", "[4,0]"), ("[4]", "[-4,0]"),
      ("[4]", "[0,4.0]"),
      ("[4]", "[0,\"4\"]"), ("[4]", "{}"), ("[4]", "[0,9223372036854775807]"),
      ("[4]", "[0,18446744073709551620]"),
      ("[-4]", "[0,4]"), ("[-1]", "[0,4]"), ("[4.0]", "[0,4]"), ("[4e0]", "[0,4]"), ("[null]", "[0,4]"),
      ("4", "[0,4]"),
      ("[]", "[0,4]"), ("[3]", "[0,4]"), ("[0]", "[0,4]"), ("[1,1,1,1,1,1,1,1,4]", "[0,4]"),
      ("[2,3]", "[0,4]"),
      ("[4294967296,4294967296]", "[0,0]"), ("[4611686018427387905,4]", "[0,4]"), ("[-2,-2]", "[0,4]"),
      ("[9223372036854775807,9223372036854775807,0]", "[0,0]"), ("[9223372036854775808]", "[0,4]"),
      ("[4,[]]", "[0,4]"),
    ]
    for (shape, offsets) in cases {
      let header = "{\"a\":{\"dtype\":\"U8\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
      let error = failure(header) { _ = try ParsedFile(file(header, [1, 2, 3, 4]), requireChecksum: false) }
      XCTAssertEqual(error?.status, .badFile, header)
    }
  }

  func testRefusedLengths() {
    for length: UInt64 in [0, 1, 3, 9, 100_000_001, 1 << 31, 1 << 63, .max, .max - 7] {
      let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array("{}".utf8)
      XCTAssertEqual(
        failure("\(length)") { _ = try ParsedFile(bytes, requireChecksum: false) }?.status, .badFile)
    }
    for count in 0..<8 {
      let bytes = [UInt8](repeating: 0, count: count)
      XCTAssertEqual(
        failure("\(count)") { _ = try ParsedFile(bytes, requireChecksum: false) }?.status, .badFile)
    }
  }

  func testNumberOfTensors() throws {
    let header = "{" + (0..<100_000).map { described("\($0)", 0, 0) }.joined(separator: ",")
    let error = failure { _ = try ParsedFile(file(header + "}", []), requireChecksum: false) }
    XCTAssertTrue(error?.description.contains("too many tensors") ?? false, error?.description ?? "")
    // A larger file may have that many.
    let data = [UInt8](repeating: 0, count: 4_000_000)
    let large = file(header + "," + described("data", 0, data.count) + "}", data)
    XCTAssertNoThrow(try ParsedFile(large, requireChecksum: false))
  }
}
