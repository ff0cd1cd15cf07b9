import CShim
import DenpaKernelTypes
import Glibc
import Testing

@testable import DenpaCore

@Suite struct FloatingPointModeTests {
  @Test func setsAndRestores() throws {
    let mine = denpa_fp_state()
    defer { denpa_fp_set_state(mine) }
    #if arch(x86_64)
      // Round up, FTZ, DAZ, and a sticky flag of the caller's; then the canonical mode with two.
      let modes: [UInt64] = [0x1F80 | 0x4000 | 0x8000 | 0x40 | 0x01, 0x1F80 | 0x20 | 0x04]
    #else
      let modes: [UInt64] = [1 << 56 | 1, 0x10]
    #endif
    for mode in modes {
      denpa_fp_set_state(mode)
      var inside: UInt64 = 0
      try withCanonicalFloatingPoint { () throws(DenpaError) in
        inside = denpa_fp_state()
        raiseOverflow()
      }
      // Read at once: #expect itself may compute with floating-point numbers, which sets flags.
      let after = denpa_fp_state()
      #expect(denpa_fp_is_canonical(inside))
      #expect(after == mode)
      denpa_fp_set_state(mode)
      var hasThrown = false
      do throws(DenpaError) {
        try withCanonicalFloatingPoint { () throws(DenpaError) in throw DenpaError(.busy, "x") }
      } catch {
        hasThrown = true
      }
      let afterThrow = denpa_fp_state()
      #expect(hasThrown && afterThrow == mode)
    }
  }

  @inline(never) private func raiseOverflow() {
    let shared = Shared(1023)
    var number = Double(shared.value) * 1e306
    number *= number
    shared.set(number.isInfinite ? 1 : 0)
  }
}

@Suite struct KernelChoiceTests {
  @Test func narrowestFirst() throws {
    let names = availableKernelSets().map { "\($0.name)" }
    #if arch(x86_64)
      #expect(names == Array(["sse2", "avx2", "avx512"].prefix(Int(denpa_cpu_level()) + 1)))
    #else
      #expect(names == ["neon"])
    #endif
    #expect(names.contains("\(try Kernels.chosen().name)"))
  }

  @Test func chosenByName() throws {
    for set in availableKernelSets() {
      #expect("\(try Kernels.decide(named: "\(set.name)").get().name)" == "\(set.name)")
    }
    #expect("\(try Kernels.decide(named: "").get().name)" == "\(try Kernels.decide(named: nil).get().name)")
    for name in ["AVX2", "avx1024", String(repeating: "é", count: 1000)] {
      let error = #expect(throws: DenpaError.self) { try Kernels.decide(named: name).get() }
      #expect(error?.status == .notSupported)
    }
    let error = #expect(throws: DenpaError.self) { try Kernels.decide(named: "mmx").get() }
    #expect(error?.description.contains("mmx") == true)
  }
}

@Suite struct ProcessorCountTests {
  @Test func defaultThreads() {
    #expect(denpa_affinity_cpu_count() >= 1)
    #expect((1...64).contains(ThreadPool.defaultThreads()))
  }

  /// Files as the operating system's kernel shows them.
  private func quota(_ files: [(String, String)]) throws -> Int32 {
    var template = Array("/tmp/denpa-cgroup-XXXXXX".utf8CString)
    let root = String(cString: try #require(mkdtemp(&template)))
    var made = [root]
    defer { for path in made.reversed() { remove(path) } }
    for (path, text) in files {
      var folder = root
      let parts = path.split(separator: "/")
      for part in parts.dropLast() {
        folder += "/\(part)"
        if mkdir(folder, 0o700) == 0 { made.append(folder) }
      }
      made.append("\(folder)/\(parts[parts.count - 1])")
      let file = try #require(fopen(made[made.count - 1], "w"))
      fputs(text, file)
      fclose(file)
    }
    return denpa_cgroup_cpu_count(root)
  }

  @Test func cgroupVersion2() throws {
    #expect(try quota([]) == 0)
    #expect(try quota([("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", "max 100000\n")]) == 0)
    #expect(try quota([("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", "150000 100000\n")]) == 2)
    #expect(
      try quota([
        ("proc/self/cgroup", "0::/a/b\n"), ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/a/cpu.max", "300000 100000\n"), ("sys/fs/cgroup/cpu.max", "800000 100000\n"),
      ]) == 3)
    #expect(try quota([("proc/self/cgroup", "0::/gone\n"), ("sys/fs/cgroup/cpu.max", "1000 100000\n")]) == 1)
  }

  @Test func cgroupVersion1() throws {
    let group = "5:memory:/x\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/x\n"
    #expect(
      try quota([
        ("proc/self/cgroup", group), ("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "400000\n"),
        ("sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n"),
      ]) == 4)
    #expect(
      try quota([
        ("proc/self/cgroup", group), ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
      ]) == 0)
  }

  @Test func nonsenseIsNoQuota() throws {
    let long = [String(repeating: "x", count: 20_000), "0::/" + String(repeating: "y", count: 6000)]
    for text in ["", ":", "::", "0:", "0::", "0::/\n0::/\n\n"] + long {
      #expect(try quota([("proc/self/cgroup", text), ("sys/fs/cgroup/cpu.max", "garbage")]) == 0)
    }
  }
}
