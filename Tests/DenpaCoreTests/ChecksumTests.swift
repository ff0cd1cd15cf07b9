import DenpaCore
import Testing

@Suite struct ChecksumTests {
  private let data = (0..<1100).map { UInt8(truncatingIfNeeded: $0 * 131 + 7) }

  private func hash(_ bytes: some Collection<UInt8>, seed: UInt64 = 0) -> UInt64 {
    var sum = XXH64(seed: seed)
    Array(bytes).withUnsafeBytes { sum.update($0) }
    return sum.digest()
  }

  // From the reference implementation (python-xxhash).
  @Test func knownAnswers() {
    #expect(hash([]) == 0xEF46_DB37_51D8_E999)
    #expect(hash("a".utf8) == 0xD24E_C4F1_A98C_6E5B)
    #expect(hash("abc".utf8) == 0x44BC_2CF5_AD77_0999)
    #expect(hash(data.prefix(31)) == 0x6711_D55E_306B_5D8F)
    #expect(hash(data.prefix(32)) == 0x07F7_B8E3_BC5D_6E25)
    #expect(hash(data.prefix(33)) == 0x09F8_5EEB_4E1C_BE9F)
    #expect(hash(data.prefix(1099)) == 0x5EC8_B7AF_A263_C017)
    #expect(hash(data.prefix(1099), seed: 0x9E37_79B9_7F4A_7C15) == 0x95D0_C87C_CF4A_7A14)
  }

  @Test func everyLengthAndManySeeds() {
    var all: UInt64 = 0
    for length in 0..<1100 { all = all &* 31 &+ hash(data.prefix(length), seed: UInt64(length)) }
    #expect(all == 0x4BA5_F7B8_67BD_9ABF)
  }

  @Test func piecesMakeNoDifference() {
    for piece in [1, 3, 7, 31, 32, 33, 64, 100] {
      var sum = XXH64()
      data.withUnsafeBytes { bytes in
        for start in stride(from: 0, to: bytes.count, by: piece) {
          sum.update(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + piece, bytes.count)]))
          sum.update(UnsafeRawBufferPointer(start: nil, count: 0))
          _ = sum.digest()
        }
      }
      #expect(sum.digest() == hash(data))
    }
  }
}
