// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors in our own code, everywhere.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// The kernel folder is built once per instruction set, each time as a module of its own.
/// `-disable-cmo`: nothing of a kernel module may be inlined into code that runs on every CPU (docs/design.md, "Kernels").
func kernels(_ name: String, _ flags: [String] = []) -> Target {
  .target(
    name: name,
    dependencies: ["DenpaKernelTypes", "CShim"],
    swiftSettings: strict + [.unsafeFlags(["-Ounchecked", "-disable-cmo"] + flags)])
}

#if arch(x86_64)
  let wideKernels = [
    kernels("DenpaKernelsAVX2", ["-target-cpu", "haswell", "-Xcc", "-march=haswell", "-D", "DENPA_AVX2"]),
    kernels(
      "DenpaKernelsAVX512",
      [
        "-target-cpu", "skylake-avx512", "-Xcc", "-march=skylake-avx512", "-Xcc", "-mprefer-vector-width=512",
        "-D", "DENPA_AVX512",
      ]),
  ]
#else
  let wideKernels: [Target] = []
#endif

let engine: [Target.Dependency] = ["DenpaKernelTypes", "DenpaCore", "DenpaGraph"]

let package = Package(
  name: "denpa",
  products: [.library(name: "denpa", type: .dynamic, targets: ["Denpa"])],
  targets: [
    .target(name: "CShim"),
    .systemLibrary(name: "CDenpa", path: "include"),
    .target(name: "DenpaKernelTypes", swiftSettings: strict),
    kernels("DenpaKernels"),
    .target(
      name: "DenpaCore",
      dependencies: ["CShim", "DenpaKernelTypes", "DenpaKernels"] + wideKernels.map { .byName(name: $0.name) },
      swiftSettings: strict),
    .target(name: "DenpaGraph", dependencies: ["CShim", "DenpaKernelTypes", "DenpaCore"], swiftSettings: strict),
    .target(name: "DenpaLayers", dependencies: engine, swiftSettings: strict),
    .target(name: "DenpaFormats", dependencies: engine + ["CShim"], swiftSettings: strict),
    .target(name: "DenpaTraining", dependencies: engine + ["CShim"], swiftSettings: strict),
    .target(name: "DenpaInspect", dependencies: engine + ["DenpaTraining"], swiftSettings: strict),
    .target(
      name: "DenpaPlugins", dependencies: engine + ["CShim", "CDenpa", "DenpaInspect"], swiftSettings: strict),
    .target(
      name: "Denpa",
      dependencies: engine + [
        "CShim", "CDenpa", "DenpaLayers", "DenpaTraining", "DenpaInspect", "DenpaFormats", "DenpaPlugins",
      ],
      swiftSettings: strict,
      // lld: gold leaves local names in the dynamic symbol table. The flags stand in Sources/CShim/link.txt.
      linkerSettings: [
        .unsafeFlags([
          "-static-stdlib", "-use-ld=lld", "-Xclang-linker", "-Wl,@\(Context.packageDirectory)/Sources/CShim/link.txt",
          "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CShim/exports.map",
        ])
      ]),
    .testTarget(name: "DenpaCoreTests", dependencies: ["DenpaCore", "CShim"], swiftSettings: strict),
    .testTarget(name: "DenpaKernelsTests", dependencies: ["DenpaCore", "DenpaKernelTypes"], swiftSettings: strict),
    .testTarget(
      name: "DenpaFormatsTests", dependencies: ["DenpaFormats", "DenpaCore"], exclude: ["golden.py"],
      swiftSettings: strict),
    .testTarget(
      name: "DenpaGraphTests",
      dependencies: ["DenpaGraph", "DenpaLayers", "DenpaTraining", "DenpaInspect", "DenpaCore"],
      swiftSettings: strict),
  ] + wideKernels,
  swiftLanguageModes: [.v6]
)
