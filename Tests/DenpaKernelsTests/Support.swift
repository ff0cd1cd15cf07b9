import DenpaCore
import DenpaKernelTypes
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Memory that ends (or begins) exactly at an inaccessible page.
final class Guarded<T: BinaryFloatingPoint> {
  let base: UnsafeMutablePointer<T>
  let count: Int
  private let map: UnsafeMutableRawPointer
  private let length: Int

  init(_ count: Int, atStart: Bool = false) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let bytes = count * MemoryLayout<T>.stride
    let inner = (bytes + page - 1) / page * page
    length = inner + 2 * page
    map = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(map, page, PROT_NONE)
    mprotect(map + page + inner, page, PROT_NONE)
    base = (map + page + (atStart ? 0 : inner - bytes)).bindMemory(to: T.self, capacity: count)
    self.count = count
  }

  convenience init(_ values: [T], atStart: Bool = false) {
    self.init(values.count, atStart: atStart)
    for i in 0..<count { base[i] = values[i] }
  }

  deinit { munmap(map, length) }

  var values: [T] { (0..<count).map { base[$0] } }
  subscript(i: Int) -> Double { Double(base[i]) }
}

/// Small random numbers, the same in every run.
struct Generator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func bits() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
  /// −1 ..< 1.
  mutating func number() -> Double { Double(Int64(bitPattern: bits()) >> 11) / 4_503_599_627_370_496 }
  mutating func numbers<T: BinaryFloatingPoint>(_ count: Int, _: T.Type = T.self) -> [T] {
    (0..<count).map { _ in T(number()) }
  }
  mutating func below(_ limit: Int) -> Int { Int(bits() >> 33) % limit }
}

/// Runs chunks in reverse order with changing worker numbers, so that a dependence on either is noticed.
let backwards: Parallel = { run, count, body, context in
  let threads = run.assumingMemoryBound(to: Run.self).pointee.threads
  for chunk in (0..<count).reversed() { body(context, chunk, (chunk &* 7) % threads) }
}

private struct Team: @unchecked Sendable {
  var body: ChunkBody
  var context: UnsafeMutableRawPointer
  var count: Int32
  var worker: Int32
  var threads: Int32
}

/// Real threads; thread t runs chunks t, t + threads, ….
let threaded: Parallel = { run, count, body, context in
  let threads = run.assumingMemoryBound(to: Run.self).pointee.threads
  var ids = [pthread_t?](repeating: nil, count: Int(threads))
  var teams = (0..<threads).map {
    Team(body: body, context: context, count: count, worker: $0, threads: threads)
  }
  teams.withUnsafeMutableBufferPointer { teams in
    for i in 0..<Int(threads) {
      var id = pthread_t()
      pthread_create(
        &id, nil,
        {
          guard let team = $0?.assumingMemoryBound(to: Team.self).pointee else { return nil }
          for chunk in stride(from: team.worker, to: team.count, by: Int(team.threads)) {
            team.body(team.context, chunk, team.worker)
          }
          return nil
        }, &teams[i])
      ids[i] = id
    }
    for case let id? in ids { pthread_join(id, nil) }
  }
}

/// An element type with its table in each set.
protocol Element: BinaryFloatingPoint, Sendable {
  static func table(_ set: KernelSet) -> KernelTable
}
extension Float: Element { static func table(_ set: KernelSet) -> KernelTable { set.float32 } }
extension Double: Element { static func table(_ set: KernelSet) -> KernelTable { set.float64 } }

/// Calls a kernel with its arguments.
@discardableResult
func call<A>(_ step: Step, _ arguments: A, parallel: @escaping Parallel = Run.inline, threads: Int32 = 1)
  -> Int32
{
  var run = Run(parallel: parallel, threads: threads)
  return withUnsafePointer(to: arguments) { step($0, &run) }
}

/// Runs the body for every set in turn, with both element types.
func everyTable(_ body: (KernelTable, any Element.Type, String) -> Void) {
  for set in availableKernelSets() {
    body(set.float32, Float.self, "\(set.name) float32")
    body(set.float64, Double.self, "\(set.name) float64")
  }
}

/// |a − b| / max(1, |b|) within some units in the last place of T.
func near<T: Element>(_ a: T, _ b: Double, ulps: Double = 16) -> Bool {
  if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
  return abs(Double(a) - b) <= ulps * Double(T.ulpOfOne) * Swift.max(1, abs(b))
}
