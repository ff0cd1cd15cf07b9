import DenpaCore
import DenpaFormats
import XCTest

/// Returns the error of a body that must fail.
func failure(
  _ name: String = "", file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> Void
) -> DenpaError? {
  do {
    try body()
    XCTFail("\(name) was accepted", file: file, line: line)
  } catch let error as DenpaError {
    return error
  } catch {
    XCTFail("\(error)", file: file, line: line)
  }
  return nil
}

extension AtomicFile {
  static func write(path: String, _ body: (ByteSink) throws(DenpaError) -> Void) throws(DenpaError) {
    try write(path: FilePath(path), body)
  }

  static func read(path: String) throws(DenpaError) -> Buffer { try read(path: FilePath(path)) }
}

/// Reproducible random numbers (SplitMix64).
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Changes a few bytes, as damage or an attacker would.
  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
      let index = Int.random(in: bytes.indices, using: &self)
      switch Int.random(in: 0..<7, using: &self) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
      case 1: bytes[index] = UInt8.random(in: 0...255, using: &self)
      case 2: bytes[index] = Array("{}[]\",:0919-.eE\\u \n".utf8).randomElement(using: &self) ?? 0
      case 3: bytes.remove(at: index)
      case 4: bytes.insert(UInt8.random(in: 0...255, using: &self), at: index)
      case 5: bytes.removeLast(Int.random(in: 0...min(bytes.count, 9), using: &self))
      default:
        let end = min(bytes.count, index + Int.random(in: 1...20, using: &self))
        bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: bytes.indices, using: &self))
      }
    }
    return bytes
  }
}

/// Tests with tensors whose memory lives as long as the test.
class TensorTestCase: XCTestCase {
  private var buffers: [Buffer] = []

  override func tearDown() { buffers = [] }

  func tensor(_ name: String, _ dtype: DType, _ shape: Shape, _ bytes: [UInt8]) throws -> TensorEntry {
    let buffer = try Buffer(byteCount: bytes.count, zeroed: true, "a test's tensor")
    buffers.append(buffer)
    let target = UnsafeMutableRawBufferPointer(start: buffer.base, count: bytes.count)
    target.copyBytes(from: bytes)
    return TensorEntry(name: name, type: TensorType(dtype, shape), data: UnsafeRawBufferPointer(target))
  }

  func tensor(_ name: String, _ dtype: DType, _ shape: Shape, elements: [some Any]) throws -> TensorEntry {
    try tensor(name, dtype, shape, elements.withUnsafeBytes { Array($0) })
  }
}

/// The contents of a parsed file, with copies of the data.
struct ParsedFile: Equatable {
  var metadata: [String: String] = [:]
  var order: [String] = []
  var types: [String: TensorType] = [:]
  var data: [String: [UInt8]] = [:]
  var isVerified = false

  init(_ bytes: [UInt8], requireChecksum: Bool) throws {
    try bytes.withUnsafeBytes { bytes in
      let file = try Safetensors.parse(bytes, requireChecksum: requireChecksum)
      isVerified = file.checksum == .verified
      metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.key, $0.value) })
      for tensor in file.tensors {
        order.append(tensor.name)
        types[tensor.name] = tensor.type
        data[tensor.name] = Array(tensor.data)
      }
    }
  }
}

func write(
  _ tensors: [TensorEntry], _ metadata: [(String, String)] = [], checksummed: Bool = true
) throws -> [UInt8] {
  var result: [UInt8] = []
  try Safetensors.write(tensors: tensors, metadata: metadata, checksummed: checksummed) { result += $0 }
  return result
}

func goldenFile(_ name: String) throws -> [UInt8] {
  let digits = try XCTUnwrap(golden[name]).utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x61 + 10 }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
