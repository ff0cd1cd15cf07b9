import DenpaCore
import Glibc
import Testing

@Suite struct RandomTests {
  // Random123's kat_vectors.
  @Test func knownAnswers() {
    let all = UInt32.max
    #expect(
      Random.philox(counter: (0, 0, 0, 0), key: (0, 0)) == (
        0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8
      ))
    #expect(
      Random.philox(counter: (all, all, all, all), key: (all, all))
        == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Random.philox(
        counter: (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), key: (0xA409_3822, 0x299F_31D0))
        == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  /// Training must be able to continue with the next version from a checkpoint of this one. The numbers are
  /// those of an implementation in Python.
  @Test func drawsNeverChange() {
    let random = Random(seed: 1, stream: 2, step: 3)
    #expect(random.bits(0) == 0x935A_FD9B)
    #expect(random.bits(1 << 40) == 992_690_958)
    #expect(random.below(1_000_000_007, 5) == 38_201_223)
    #expect(random.uniform(5) == 0.03820122347302124)
    #expect(abs(random.normal(5) - -0.26853927334828587) < 1e-15)
  }

  @Test func everyPartOfTheKeyCounts() {
    let draws = [
      Random(seed: 1, stream: 1, step: 1), Random(seed: 2, stream: 1, step: 1),
      Random(seed: 1, stream: 2, step: 1),
      Random(seed: 1, stream: 1, step: 2), Random(seed: 1 << 32, stream: 1, step: 1),
      Random(seed: 1, stream: 1 << 32, step: 1), Random(seed: 1, stream: 1, step: 1 << 32),
    ].map { random in (0..<4).map { random.bits($0) } + [random.bits(1 << 32)] }
    #expect(Set(draws).count == draws.count)
    #expect(Set(draws.joined()).count == draws.count * 5)
  }

  @Test func uniformIsUniform() {
    let random = Random(seed: 7, stream: 0)
    let count = 200_000
    var sum = 0.0
    var squares = 0.0
    var bins = [Int](repeating: 0, count: 16)
    for counter in 0..<count {
      let x = random.uniform(UInt64(counter))
      #expect(x >= 0 && x < 1)
      sum += x
      squares += x * x
      bins[Int(x * 16)] += 1
    }
    #expect(abs(sum / Double(count) - 0.5) < 0.004)
    #expect(abs(squares / Double(count) - 1 / 3.0) < 0.004)
    let expected = Double(count) / 16
    // χ² with 15 degrees of freedom: above 45 once in 10⁴.
    #expect(bins.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected } < 45)
  }

  @Test func normalIsNormal() {
    let random = Random(seed: 8, stream: 3)
    let count = 200_000
    var moments = [0.0, 0.0, 0.0, 0.0]
    for counter in 0..<count {
      let x = random.normal(UInt64(counter))
      #expect(x.isFinite && abs(x) < 8.7)
      var power = x
      for order in 0..<4 {
        moments[order] += power / Double(count)
        power *= x
      }
    }
    #expect(abs(moments[0]) < 0.01)
    #expect(abs(moments[1] - 1) < 0.015)
    #expect(abs(moments[2]) < 0.04)
    #expect(abs(moments[3] - 3) < 0.1)
  }

  @Test func belowStaysBelow() {
    let random = Random(seed: 9, stream: 1)
    #expect(random.below(0, 0) == 0)
    #expect(random.below(1, 0) == 0)
    var seen = [Int](repeating: 0, count: 7)
    for counter in 0..<7000 { seen[Int(random.below(7, UInt64(counter)))] += 1 }
    #expect(seen.allSatisfy { $0 > 850 && $0 < 1150 })
    for counter in 0..<1000 { #expect(random.below(UInt64.max, UInt64(counter)) < UInt64.max) }
  }

  @Test func permutationIsOne() {
    var order = [Int64](repeating: -1, count: 1000)
    order.withUnsafeMutableBufferPointer { Random(seed: 1, stream: 1).permutation(into: $0) }
    #expect(order.sorted() == Array(0..<1000))
    #expect(order != Array(0..<1000))
    var other = order
    other.withUnsafeMutableBufferPointer { Random(seed: 1, stream: 1, step: 1).permutation(into: $0) }
    #expect(other != order)
    var none: [Int64] = []
    none.withUnsafeMutableBufferPointer { Random(seed: 1, stream: 1).permutation(into: $0) }
  }

  /// All six orders of three elements occur equally often.
  @Test func permutationIsFair() {
    var counts: [[Int64]: Int] = [:]
    for step in 0..<6000 {
      var order = [Int64](repeating: 0, count: 3)
      order.withUnsafeMutableBufferPointer {
        Random(seed: 5, stream: 1, step: UInt64(step)).permutation(into: $0)
      }
      counts[order, default: 0] += 1
    }
    #expect(counts.count == 6)
    #expect(counts.values.allSatisfy { $0 > 850 && $0 < 1150 })
  }
}
