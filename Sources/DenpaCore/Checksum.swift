/// The checksum XXH64 (Yann Collet), computed piecewise. Not cryptographic: it detects damage, not malice.
public struct XXH64: Sendable {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  private let seed: UInt64
  private var lanes: (UInt64, UInt64, UInt64, UInt64)
  /// The bytes of an incomplete 32-byte stripe.
  private var rest = InlineArray<32, UInt8>(repeating: 0)
  private var restCount = 0
  private var total: UInt64 = 0

  public init(seed: UInt64 = 0) {
    self.seed = seed
    lanes = (
      seed &+ XXH64.prime1 &+ XXH64.prime2, seed &+ XXH64.prime2, seed, seed &- XXH64.prime1
    )
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard var next = bytes.baseAddress else { return }
    var left = bytes.count
    total &+= UInt64(left)
    if restCount > 0 {
      while restCount < 32, left > 0 {
        rest[restCount] = next.load(as: UInt8.self)
        restCount += 1
        next += 1
        left -= 1
      }
      guard restCount == 32 else { return }
      let stripe = rest
      withUnsafeBytes(of: stripe) { raw in
        if let base = raw.baseAddress { lanes = XXH64.consume(lanes, base) }
      }
      restCount = 0
    }
    var state = lanes
    while left >= 32 {
      state = XXH64.consume(state, next)
      next += 32
      left -= 32
    }
    lanes = state
    for index in 0..<left { rest[index] = next.load(fromByteOffset: index, as: UInt8.self) }
    restCount = left
  }

  /// Returns the checksum of all bytes so far; more may follow.
  public func digest() -> UInt64 {
    var hash: UInt64
    if total >= 32 {
      hash =
        XXH64.rotate(lanes.0, 1) &+ XXH64.rotate(lanes.1, 7) &+ XXH64.rotate(lanes.2, 12)
        &+ XXH64.rotate(lanes.3, 18)
      hash = XXH64.merge(hash, lanes.0)
      hash = XXH64.merge(hash, lanes.1)
      hash = XXH64.merge(hash, lanes.2)
      hash = XXH64.merge(hash, lanes.3)
    } else {
      hash = seed &+ XXH64.prime5
    }
    hash &+= total
    var index = 0
    while index + 8 <= restCount {
      hash = XXH64.rotate(hash ^ XXH64.round(0, word(at: index, 8)), 27) &* XXH64.prime1 &+ XXH64.prime4
      index += 8
    }
    if index + 4 <= restCount {
      hash = XXH64.rotate(hash ^ (word(at: index, 4) &* XXH64.prime1), 23) &* XXH64.prime2 &+ XXH64.prime3
      index += 4
    }
    while index < restCount {
      hash = XXH64.rotate(hash ^ (UInt64(rest[index]) &* XXH64.prime5), 11) &* XXH64.prime1
      index += 1
    }
    hash = (hash ^ (hash >> 33)) &* XXH64.prime2
    hash = (hash ^ (hash >> 29)) &* XXH64.prime3
    return hash ^ (hash >> 32)
  }

  private func word(at index: Int, _ size: Int) -> UInt64 {
    var value: UInt64 = 0
    for offset in 0..<size { value |= UInt64(rest[index + offset]) << UInt64(8 * offset) }
    return value
  }

  @inline(__always)
  private static func consume(
    _ lanes: (UInt64, UInt64, UInt64, UInt64), _ stripe: UnsafeRawPointer
  ) -> (UInt64, UInt64, UInt64, UInt64) {
    (
      round(lanes.0, UInt64(littleEndian: stripe.loadUnaligned(as: UInt64.self))),
      round(lanes.1, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 8, as: UInt64.self))),
      round(lanes.2, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 16, as: UInt64.self))),
      round(lanes.3, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
    )
  }

  @inline(__always)
  private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* prime2, 31) &* prime1
  }

  private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* prime1 &+ prime4
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    value << count | value >> (64 - count)
  }
}
