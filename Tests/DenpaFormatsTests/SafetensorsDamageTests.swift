import DenpaCore
import DenpaFormats
import XCTest

/// Damaged files: all are refused, or, if they have no checksum, read as something consistent.
final class SafetensorsDamageTests: TensorTestCase {
  private func smallFile(checksummed: Bool) throws -> [UInt8] {
    let tensors = [
      try tensor("W", .float32, [2, 2], elements: [1, 2, 3, 4 as Float]),
      try tensor("n", .uint8, [3], [1, 2, 3]),
      try tensor("step", .int64, [], elements: [Int64(7)]),
    ]
    return try write(tensors, [("graph", "{\"é\":1}")], checksummed: checksummed)
  }

  private func isRefused(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
      do throws(DenpaError) {
        _ = try Safetensors.parse(bytes, requireChecksum: true)
        return false
      } catch {
        return error.status == .badFile
      }
    }
  }

  func testEveryFlippedBit() throws {
    var bytes = try smallFile(checksummed: true)
    XCTAssertFalse(isRefused(bytes))
    for index in bytes.indices {
      for bit in 0..<8 {
        bytes[index] ^= 1 << UInt8(bit)
        XCTAssertTrue(isRefused(bytes), "bit \(bit) of byte \(index)")
        bytes[index] ^= 1 << UInt8(bit)
      }
    }
    XCTAssertFalse(isRefused(bytes))
  }

  func testEveryTruncation() throws {
    let bytes = try smallFile(checksummed: true)
    for count in bytes.indices { XCTAssertTrue(isRefused(Array(bytes.prefix(count))), "\(count) bytes") }
    for count in bytes.indices {
      XCTAssertTrue(isRefused(Array(bytes.suffix(count))), "the last \(count) bytes")
    }
    for more in 1...64 {
      XCTAssertTrue(isRefused(bytes + Array(repeating: 0, count: more)), "\(more) bytes too many")
    }
    XCTAssertTrue(isRefused(bytes + bytes))
  }

  func testMutationsOfAChecksummedFile() throws {
    var random = TestRandom(state: 3)
    let bytes = try smallFile(checksummed: true)
    for _ in 0..<30_000 {
      let mutated = random.mutate(bytes)
      XCTAssertTrue(mutated == bytes || isRefused(mutated))
    }
  }

  /// Without a checksum everything depends on the parser: no tensor is outside the file, none overlap, and
  /// writing what was read and reading it again changes nothing.
  func testMutationsOfAFileWithoutChecksum() throws {
    var random = TestRandom(state: 4)
    let original = try smallFile(checksummed: false)
    let dataCount = 8 + 16 + 3
    var accepted = 0
    for _ in 0..<50_000 {
      var bytes = random.mutate(original)
      // Most mutations would change the header's length and be refused because of it.
      if bytes.count > dataCount + 8, Bool.random(using: &random) {
        let length = UInt64(bytes.count - 8 - dataCount)
        bytes.replaceSubrange(..<8, with: withUnsafeBytes(of: length.littleEndian) { Array($0) })
      }
      try bytes.withUnsafeBytes { bytes in
        guard let file = try? Safetensors.parse(bytes, requireChecksum: false) else { return }
        accepted += 1
        let total = file.tensors.reduce(0) { $0 + $1.data.count }
        let length = Int(UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
        XCTAssertEqual(8 + length + total, bytes.count)
        for tensor in file.tensors { XCTAssertEqual(tensor.type.byteCount, tensor.data.count) }
        let again = try write(file.tensors, file.metadata.map { ($0.key, $0.value) })
        let parsed = try ParsedFile(again, requireChecksum: true)
        XCTAssertEqual(parsed.types.count, file.tensors.count)
        for tensor in file.tensors { XCTAssertEqual(parsed.data[tensor.name], Array(tensor.data)) }
      }
    }
    XCTAssertGreaterThan(accepted, 1_000)
  }
}
