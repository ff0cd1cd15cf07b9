// Times the product kernel by itself, on the kernels and threads that the library would take, and what the
// core can do at most.
//
// usage: product-benchmark THREADS
//
// Prints "ready", then for each line of input the measurement of one block: float32|float64 M N K TRANSPOSE_A
// TRANSPOSE_B   seconds a product peak float32|float64                            multiply-adds on registers
// alone, floating-point operations a second wake MICROSECONDS                               seconds until a
// helper of the pool begins, so long after the job before

import CShim
import DenpaCore
import DenpaKernelTypes
import Glibc
import Peak

/// Seconds that a block takes, about.
let blockSeconds = 0.02

/// A line to standard output, at once: the other side waits for it.
func answer(_ text: String) {
  let line = text + "\n"
  _ = line.utf8.withContiguousStorageIfAvailable { write(1, $0.baseAddress, $0.count) }
}

func seconds() -> Double { Double(denpa_nanoseconds()) * 1e-9 }

/// Runs `body` for a block and answers the seconds that one took. `count` is kept from block to block.
func timeBlock(_ count: inout Int, _ body: () -> Void) -> Double {
  if count == 0 {
    // Also the warm-up.
    var tried = 1
    while true {
      let start = seconds()
      for _ in 0..<tried { body() }
      let passed = seconds() - start
      if passed > blockSeconds / 4 || tried > 1 << 24 {
        count = max(1, Int(Double(tried) * blockSeconds / passed))
        break
      }
      tried *= 2
    }
  }
  let start = seconds()
  for _ in 0..<count { body() }
  return (seconds() - start) / Double(count)
}

/// Memory as the engine's tensors have it: aligned to 64 bytes, from 2 MiB on to huge pages.
func memory<T: BinaryFloatingPoint>(_ count: Int, _: T.Type) -> UnsafeMutablePointer<T> {
  let bytes = count * MemoryLayout<T>.stride
  let large = bytes >= 2 << 20
  let raw = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 64), alignment: large ? 2 << 20 : 64)
  if large { madvise(raw, bytes, MADV_HUGEPAGE) }
  let numbers = raw.bindMemory(to: T.self, capacity: count)
  for i in 0..<count { numbers[i] = T((i &* 7919) % 1000) / 1000 - 0.5 }
  return numbers
}

final class Product {
  private var arguments: ProductArguments
  private let step: Step
  private var count = 0
  private var memories: [UnsafeMutableRawPointer] = []

  init?<T: BinaryFloatingPoint>(_ words: [Int], _ table: KernelTable, _ threads: Int32, _: T.Type) {
    guard words.count == 5, words[0] > 0, words[1] > 0, words[2] > 0 else { return nil }
    let (m, n, k) = (words[0], words[1], words[2])
    step = table[.product]
    arguments = ProductArguments(m: m, n: n, k: k, transposeA: words[3] != 0, transposeB: words[4] != 0)
    let (a, b, c) = (memory(m * k, T.self), memory(k * n, T.self), memory(m * n, T.self))
    arguments.a = Const(a)
    arguments.b = Const(b)
    arguments.c = Mutable(c)
    memories = [Mutable(a), Mutable(b), Mutable(c)]
    let bytes = withUnsafePointer(to: arguments) { table.productWorkspace($0, threads) }
    if bytes > 0 {
      let workspace = Mutable(memory(bytes / 4, Float.self))
      arguments.workspace = workspace
      memories.append(workspace)
    }
  }

  deinit { for memory in memories { memory.deallocate() } }

  func block(_ run: inout Run) -> Double {
    withUnsafePointer(to: arguments) { arguments in
      withUnsafeMutablePointer(to: &run) { run in
        timeBlock(&count) { _ = step(arguments, run) }
      }
    }
  }
}

/// One share of the work for the peak.
struct PeakWork {
  var bytes: Int32
  var isDouble: Int32
  var steps: Int64
}

func peak(_ set: KernelSet, isDouble: Bool, _ run: inout Run) -> Double {
  let name = "\(set.name)"
  let bytes: Int32 = name == "avx512" ? 64 : name == "avx2" ? 32 : 16
  // Small shares, so that threads that begin late do fewer of them.
  let shares = run.threads * 16
  var work = PeakWork(bytes: bytes, isDouble: isDouble ? 1 : 0, steps: 20_000)
  let operations = Double(peak_run(work.bytes, work.isDouble, work.steps)) * Double(shares)
  var count = 0
  let parallel = run.parallel
  let time = withUnsafeMutablePointer(to: &run) { run in
    withUnsafeMutablePointer(to: &work) { work in
      timeBlock(&count) {
        parallel(
          run, shares,
          { context, _, _ in
            let work = context.assumingMemoryBound(to: PeakWork.self).pointee
            _ = peak_run(work.bytes, work.isDouble, work.steps)
          }, work)
      }
    }
  }
  return operations / time
}

func main() throws(DenpaError) -> Int32 {
  guard CommandLine.arguments.count == 2, let threads = Int32(CommandLine.arguments[1]), threads > 0 else {
    answer("usage: product-benchmark THREADS")
    return 2
  }
  let set = try Kernels.chosen()
  var run = Run(parallel: ThreadPool.parallel, threads: threads)
  var products: [String: Product] = [:]
  answer("ready")
  while let line = readLine() {
    let words = line.split(separator: " ").map(String.init)
    if words.first == "peak", words.count == 2 {
      answer("\(peak(set, isDouble: words[1] == "float64", &run))")
      continue
    }
    if words.first == "wake", words.count == 2, let gap = Int(words[1]) {
      answer("\(wakeUp(gap: gap, &run))")
      continue
    }
    if products[line] == nil {
      let numbers = words.dropFirst().compactMap { Int($0) }
      products[line] =
        words.first == "float64"
        ? Product(numbers, set.float64, threads, Double.self)
        : Product(numbers, set.float32, threads, Float.self)
    }
    guard let product = products[line] else {
      answer("bad line")
      return 2
    }
    answer("\(product.block(&run))")
  }
  return 0
}

do throws(DenpaError) {
  exit(try main())
} catch {
  answer("no kernels")
  exit(1)
}
