/// One kernel call: reads its arguments, does the work, returns 0, or non-zero to stop the plan.
///
/// A plain C function: calling one costs 1.7 ns, a closure 4.4 ns, an existential 26 ns. `run` points to a
/// `Run` (C function types cannot name a Swift struct; an `UnsafeMutablePointer<Run>` is passed as is).
public typealias Step =
  @convention(c) (_ arguments: UnsafeRawPointer, _ run: UnsafeMutableRawPointer) -> Int32

/// One chunk of divided work. `worker` is less than `Run.threads` and no two chunks run under one worker
/// number at once, so it selects scratch memory; results must never depend on it.
public typealias ChunkBody =
  @convention(c) (_ context: UnsafeMutableRawPointer, _ chunk: Int32, _ worker: Int32) -> Void

/// Runs `body` for every chunk in 0..<count, on as many workers as are free, and returns when all are done.
/// `run` points to a `Run`.
public typealias Parallel =
  @convention(c) (
    _ run: UnsafeMutableRawPointer, _ count: Int32, _ body: ChunkBody, _ context: UnsafeMutableRawPointer
  ) -> Void

/// What a step may know about the call that it is part of.
public struct Run {
  public var parallel: Parallel
  /// The number of workers that may take part, at least 1.
  public var threads: Int32
  public var training: Int32
  /// Random numbers are keyed by (seed, node, draw). `draw` counts training forwards: each has different
  /// numbers, and its backward sees the same ones.
  public var seed: UInt64
  public var draw: UInt64
  /// Where a failing foreign step leaves its message; owned by the session.
  public var failure: UnsafeMutableRawPointer?

  public init(parallel: Parallel, threads: Int32 = 1, training: Int32 = 0, seed: UInt64 = 0, draw: UInt64 = 0)
  {
    self.parallel = parallel
    self.threads = threads
    self.training = training
    self.seed = seed
    self.draw = draw
    self.failure = nil
  }

  /// A `parallel` that runs every chunk in the calling thread.
  public static let inline: Parallel = { _, count, body, context in
    for chunk in 0..<count { body(context, chunk, 0) }
  }
}
