import DenpaKernelTypes

/// Normal noise; see `GaussianNoiseArguments`.
enum GaussianNoise<V: Vector>: RangeKernel {
  @inline(__always) static var isLarge: Bool { true }
  @inline(__always) static func items(_ a: GaussianNoiseArguments) -> Int { a.count }
  @inline(__always) static func chunk(_ a: GaussianNoiseArguments) -> Int { elementChunk }

  /// Elements that are drawn together: the cosines and the sines of 16 pairs of random words.
  @inline(__always) private static var block: Int { 32 }
  @inline(__always) private static var pairs: Int { 16 }

  /// Divides the work after copying from the run what changes from call to call.
  @inline(__always)
  static func call(_ arguments: UnsafeRawPointer, _ run: RunPointer, _ body: ChunkBody) -> Int32 {
    var own = arguments.assumingMemoryBound(to: GaussianNoiseArguments.self).pointee
    let current = run.assumingMemoryBound(to: Run.self)
    own.draw = current.pointee.draw
    own.training = current.pointee.training
    return divide(GaussianNoise<V>.self, &own, run, body)
  }

  @inline(__always) static func run(_ a: UnsafePointer<GaussianNoiseArguments>, _ lower: Int, _ upper: Int) {
    let x = a.pointee.x.of(V.Scalar.self), y = a.pointee.y.of(V.Scalar.self)
    guard a.pointee.training != 0 else {
      sweep(V.self, lower, upper) { i, n in V.load(x + i, n).store(y + i, n) }
      return
    }
    let deviation = V.splat(a.pointee.deviation)
    withUnsafeTemporaryAllocation(of: V.Scalar.self, capacity: 2 &* block) { memory in
      let normal = memory.baseAddress.unsafelyUnwrapped
      // Chunks begin at whole blocks.
      var start = lower
      while start < upper {
        draw(a, start / block, normal, normal + block)
        sweep(V.self, 0, Swift.min(block, upper &- start)) { i, n in
          let value = V.fma(V.load(normal + i, n), deviation, V.load(x + (start &+ i), n))
          value.store(y + (start &+ i), n)
        }
        start &+= block
      }
    }
  }

  /// Writes the numbers of a block. `words` is memory for as many numbers.
  @inline(__always)
  private static func draw(
    _ a: UnsafePointer<GaussianNoiseArguments>, _ number: Int, _ normal: UnsafeMutablePointer<V.Scalar>,
    _ words: UnsafeMutablePointer<V.Scalar>
  ) {
    let drawn = Philox(a.pointee.key, a.pointee.draw, UInt64(number &* 8))
    let step = 1.0 / 0x1p24
    for lane in 0..<8 {
      words[lane] = V.scalar((Double(drawn.first[lane] >> 8) + 1) * step)
      words[lane &+ 8] = V.scalar((Double(drawn.second[lane] >> 8) + 1) * step)
      words[lane &+ 16] = V.scalar(Double(drawn.third[lane] >> 8) * step)
      words[lane &+ 24] = V.scalar(Double(drawn.fourth[lane] >> 8) * step)
    }
    sweep(V.self, 0, pairs) { i, n in
      let radius = (V.splat(-2.0) * V.log(V.load(words + i, n, fill: V.one))).squareRoot
      // 2πv is π more than twice this angle, which is between −π/2 and π/2.
      let half = (V.load(words + (pairs &+ i), n) - V.splat(0.5)) * V.splat(Double.pi)
      let square = half * half
      let sine = half * sineOver(square), cosine = cosine(square)
      (radius * V.fma(V.splat(2.0) * sine, sine, V.splat(-1.0))).store(normal + i, n)
      (radius * (V.splat(-2.0) * sine * cosine)).store(normal + (pairs &+ i), n)
    }
  }

  /// sin w / w for z = w² up to (π/2)²: Taylor's series up to w²⁰, whose rest is below 10⁻¹⁷.
  @inline(__always)
  private static func sineOver(_ z: V) -> V {
    var p = V.splat(1 / 51_090_942_171_709_440_000.0)
    p = V.fma(p, z, V.splat(-1 / 121_645_100_408_832_000.0))
    p = V.fma(p, z, V.splat(1 / 355_687_428_096_000.0))
    p = V.fma(p, z, V.splat(-1 / 1_307_674_368_000.0))
    p = V.fma(p, z, V.splat(1 / 6_227_020_800.0))
    p = V.fma(p, z, V.splat(-1 / 39_916_800.0))
    p = V.fma(p, z, V.splat(1 / 362_880.0))
    p = V.fma(p, z, V.splat(-1 / 5_040.0))
    p = V.fma(p, z, V.splat(1 / 120.0))
    p = V.fma(p, z, V.splat(-1 / 6.0))
    return V.fma(p, z, V.one)
  }

  /// cos w for z = w² up to (π/2)²: Taylor's series up to w²⁰, whose rest is below 2·10⁻¹⁷.
  @inline(__always)
  private static func cosine(_ z: V) -> V {
    var p = V.splat(1 / 2_432_902_008_176_640_000.0)
    p = V.fma(p, z, V.splat(-1 / 6_402_373_705_728_000.0))
    p = V.fma(p, z, V.splat(1 / 20_922_789_888_000.0))
    p = V.fma(p, z, V.splat(-1 / 87_178_291_200.0))
    p = V.fma(p, z, V.splat(1 / 479_001_600.0))
    p = V.fma(p, z, V.splat(-1 / 3_628_800.0))
    p = V.fma(p, z, V.splat(1 / 40_320.0))
    p = V.fma(p, z, V.splat(-1 / 720.0))
    p = V.fma(p, z, V.splat(1 / 24.0))
    p = V.fma(p, z, V.splat(-0.5))
    return V.fma(p, z, V.one)
  }
}
