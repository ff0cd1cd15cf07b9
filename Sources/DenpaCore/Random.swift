import Glibc

/// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
/// easy as 1, 2, 3", 2011). A draw is a function of (seed, stream, step, counter) alone, so any thread may
/// draw any number in any order, forward and backward see the same numbers, and a checkpoint holds the entire
/// state.
///
/// Each counter is one draw: `bits`, `uniform`, `normal` and `below` of the same counter are not independent.
public struct Random: Sendable {
  public let key: (UInt32, UInt32)
  private let step: UInt64

  /// `stream` distinguishes nodes, `step` training steps. Two streams of one seed never share a key, nor do
  /// two seeds of one stream.
  public init(seed: UInt64, stream: UInt64, step: UInt64 = 0) {
    let mixed = Random.scramble(seed) ^ stream
    key = (UInt32(truncatingIfNeeded: mixed), UInt32(truncatingIfNeeded: mixed >> 32))
    self.step = step
  }

  /// Returns 32 random bits.
  @inline(__always)
  public func bits(_ counter: UInt64) -> UInt32 { block(counter).0 }

  /// Returns a multiple of 2⁻⁵³, uniformly distributed in 0 ..< 1.
  public func uniform(_ counter: UInt64) -> Double {
    let words = block(counter)
    return Double(Random.join(words.0, words.1) >> 11) * 0x1p-53
  }

  /// Returns a normally distributed number, mean 0 and deviation 1 (Box–Muller), of magnitude at most 8.6.
  public func normal(_ counter: UInt64) -> Double {
    let words = block(counter)
    // In (0, 1], so that the logarithm is finite.
    let radius = Double((Random.join(words.0, words.1) >> 11) + 1) * 0x1p-53
    let angle = Double(Random.join(words.2, words.3) >> 11) * 0x1p-53
    return (-2 * log(radius)).squareRoot() * cos(2 * Double.pi * angle)
  }

  /// Returns a number in 0 ..< bound (0 if it is 0); probabilities differ relatively by at most bound/2⁶⁴.
  public func below(_ bound: UInt64, _ counter: UInt64) -> UInt64 {
    let words = block(counter)
    return Random.join(words.0, words.1).multipliedFullWidth(by: bound).high
  }

  /// Writes a random permutation of 0 ..< count (Fisher–Yates).
  public func permutation(into result: UnsafeMutableBufferPointer<Int64>) {
    for index in result.indices {
      let other = Int(below(UInt64(index) + 1, UInt64(index)))
      result[index] = result[other]
      result[other] = Int64(index)
    }
  }

  @inline(__always)
  private func block(_ counter: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    Random.philox(
      counter: (
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
        UInt32(truncatingIfNeeded: step), UInt32(truncatingIfNeeded: step >> 32)
      ), key: key)
  }

  /// The ten rounds of Philox.
  @inline(__always)
  public static func philox(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let first = UInt64(0xD251_1F53) &* UInt64(c.0)
      let second = UInt64(0xCD9E_8D57) &* UInt64(c.2)
      c = (
        UInt32(truncatingIfNeeded: second >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: first)
      )
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return c
  }

  private static func join(_ low: UInt32, _ high: UInt32) -> UInt64 { UInt64(high) << 32 | UInt64(low) }

  /// The finalizer of SplitMix64: a bijection, so that seeds 0, 1, 2, … become distant and stay distinct.
  private static func scramble(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
