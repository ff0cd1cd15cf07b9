import CShim
import DenpaKernelTypes
import DenpaKernels
import Glibc

#if arch(x86_64)
  import DenpaKernelsAVX2
  import DenpaKernelsAVX512
#endif

/// The kernel sets that this machine can run, narrowest first.
public func availableKernelSets() -> [KernelSet] {
  var sets = [DenpaKernels.kernelSet()]
  #if arch(x86_64)
    // Only then called: even making a table may use the wide registers.
    let level = denpa_cpu_level()
    if level >= 1 { sets.append(DenpaKernelsAVX2.kernelSet()) }
    if level >= 2 { sets.append(DenpaKernelsAVX512.kernelSet()) }
  #endif
  return sets
}

/// The kernel set that the process computes with.
public enum Kernels {
  /// Decided at first use, then never again: results depend on the set, so it must not change under a running process.
  private static let decision: Result<KernelSet, DenpaError> = decide(named: getenv("DENPA_KERNELS"))

  /// The widest set that the machine can run, or the one that the environment variable DENPA_KERNELS names.
  public static func chosen() throws(DenpaError) -> KernelSet { try decision.get() }

  static func decide(named name: UnsafePointer<CChar>?) -> Result<KernelSet, DenpaError> {
    let sets = availableKernelSets()
    guard let name, name.pointee != 0 else {
      guard let widest = sets.last else { return .failure(DenpaError(.notSupported, "there is no kernel set")) }
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
