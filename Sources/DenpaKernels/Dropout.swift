import DenpaKernelTypes

/// Dropout (Srivastava et al., 2014); see `DropoutArguments`.
enum Dropout<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: DropoutArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: DropoutArguments) -> Int { elementChunk }

  /// Elements that are drawn together.
  @inline(__always) private static var block: Int { 32 }

  /// Divides the work after copying from the run what changes from call to call.
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    var own = arguments.assumingMemoryBound(to: DropoutArguments.self).pointee
    let current = run.assumingMemoryBound(to: Run.self)
    own.draw = current.pointee.draw
    own.training = current.pointee.training
    return divide(Dropout<V>.self, &own, run, body)
  }

  @inline(__always) static func run(_ a: UnsafePointer<DropoutArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    let adds = a.pointee.accumulate != 0
    guard a.pointee.training != 0 else {
      sweep(V.self, lower, upper) { i, n in
        let value = V.load(x + i, n)
        (adds ? V.load(y + i, n) + value : value).store(y + i, n)
      }
      return
    }
    let kept = V.scalar(a.pointee.scale), dropped = V.scalar(0)
    withUnsafeTemporaryAllocation(of: V.Scalar.self, capacity: block) { factors in
      let m = factors.baseAddress.unsafelyUnwrapped
      // Chunks begin at whole blocks.
      var start = lower
      while start < upper {
        let words = Philox(a.pointee.key, a.pointee.draw, UInt64(start / block &* 8))
        for lane in 0..<8 {
          m[lane] = words.first[lane] < a.pointee.threshold ? dropped : kept
          m[lane &+ 8] = words.second[lane] < a.pointee.threshold ? dropped : kept
          m[lane &+ 16] = words.third[lane] < a.pointee.threshold ? dropped : kept
          m[lane &+ 24] = words.fourth[lane] < a.pointee.threshold ? dropped : kept
        }
        sweep(V.self, 0, Swift.min(block, upper &- start)) { i, n in
          let value = V.load(x + (start &+ i), n) * V.load(m + i, n)
          (adds ? V.load(y + (start &+ i), n) + value : value).store(y + (start &+ i), n)
        }
        start &+= block
      }
    }
  }
}

/// Philox4x32-10 (Salmon et al., 2011) at eight counters in a row: the numbers of `Random`.
struct Philox {
  let first: SIMD8<UInt32>, second: SIMD8<UInt32>, third: SIMD8<UInt32>, fourth: SIMD8<UInt32>

  @inline(__always)
  init(_ key: (UInt32, UInt32), _ step: UInt64, _ counter: UInt64) {
    let low = SIMD8<UInt64>(repeating: 0xFFFF_FFFF), shift = SIMD8<UInt64>(repeating: 32)
    let counters = SIMD8<UInt64>(repeating: counter) &+ SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7)
    var c0 = counters & low, c1 = counters &>> shift
    var c2 = SIMD8<UInt64>(repeating: step & 0xFFFF_FFFF), c3 = SIMD8<UInt64>(repeating: step >> 32)
    var k0 = key.0, k1 = key.1
    for _ in 0..<10 {
      let one = c0 &* SIMD8<UInt64>(repeating: 0xD251_1F53)
      let two = c2 &* SIMD8<UInt64>(repeating: 0xCD9E_8D57)
      c0 = (two &>> shift) ^ c1 ^ SIMD8<UInt64>(repeating: UInt64(k0))
      c1 = two & low
      c2 = (one &>> shift) ^ c3 ^ SIMD8<UInt64>(repeating: UInt64(k1))
      c3 = one & low
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
    first = SIMD8<UInt32>(truncatingIfNeeded: c0)
    second = SIMD8<UInt32>(truncatingIfNeeded: c1)
    third = SIMD8<UInt32>(truncatingIfNeeded: c2)
    fourth = SIMD8<UInt32>(truncatingIfNeeded: c3)
  }
}
