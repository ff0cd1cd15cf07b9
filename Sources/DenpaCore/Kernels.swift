import CShim
import DenpaKernelTypes
import DenpaKernelsF32
import DenpaKernelsF64
import Glibc

#if arch(x86_64)
  import DenpaKernelsAVX2F32
  import DenpaKernelsAVX2F64
  import DenpaKernelsAVX512F32
  import DenpaKernelsAVX512F64
#endif

/// The kernel sets that this machine can run, narrowest first.
public func availableKernelSets() -> [KernelSet] {
  #if arch(x86_64)
    let narrowest: StaticString = "sse2"
  #else
    let narrowest: StaticString = "neon"
  #endif
  var sets = [
    KernelSet(name: narrowest, float32: DenpaKernelsF32.kernelTable(), float64: DenpaKernelsF64.kernelTable())
  ]
  #if arch(x86_64)
    // Called only if supported: even creating a table may use the wide registers.
    let level = denpa_cpu_level()
    if level >= 1 {
      sets.append(
        KernelSet(
          name: "avx2", float32: DenpaKernelsAVX2F32.kernelTable(), float64: DenpaKernelsAVX2F64.kernelTable()
        ))
    }
    if level >= 2 {
      sets.append(
        KernelSet(
          name: "avx512", float32: DenpaKernelsAVX512F32.kernelTable(),
          float64: DenpaKernelsAVX512F64.kernelTable()))
    }
  #endif
  return sets
}

/// The kernel set that the process uses.
public enum Kernels {
  /// Decided once, at first use: results depend on the set, so it must not change in a running process.
  private static let decision: Result<KernelSet, DenpaError> = decide(named: getenv("DENPA_KERNELS"))

  /// Returns the widest set that the machine can run, or the one named by the variable DENPA_KERNELS.
  public static func chosen() throws(DenpaError) -> KernelSet { try decision.get() }

  static func decide(named name: UnsafePointer<CChar>?) -> Result<KernelSet, DenpaError> {
    let sets = availableKernelSets()
    guard let name, name.pointee != 0 else {
      guard let widest = sets.last else {
        return .failure(DenpaError(.notSupported, "there is no kernel set"))
      }
      return .success(widest)
    }
    for set in sets where strcmp(name, set.name.utf8Start) == 0 { return .success(set) }
    let known = sets.map { "\($0.name)" }
    return .failure(
      DenpaError(
        .notSupported,
        "DENPA_KERNELS=\(cString: name) is not a kernel set of this machine; available are \(list: known)"))
  }
}
