// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors in our own code, everywhere.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// Code that is part of each step. Dynamic exclusivity checks would end the process where one failed, and cost a tenth of a small
/// network's step; debug builds have them.
let hot = strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]
/// Code that runs once for a network or a file, never for a batch, is compiled for size.
let cold = hot + [.unsafeFlags(["-Osize"])]

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

/// The folder with Swift's standard library as `make` prepares it (scripts/prune_stdlib.py). Without `make` it is the
/// toolchain's own, and the library a megabyte larger.
let standardLibrary = Context.environment["DENPA_STDLIB"].map { ["\($0)/Swift.o", "\($0)/Glibc.o"] } ?? []

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
      swiftSettings: hot),
    .target(name: "DenpaGraph", dependencies: ["CShim", "DenpaKernelTypes", "DenpaCore"], swiftSettings: hot),
    .target(name: "DenpaLayers", dependencies: engine, swiftSettings: cold),
    .target(name: "DenpaFormats", dependencies: engine + ["CShim"], swiftSettings: cold),
    .target(name: "DenpaTraining", dependencies: engine + ["CShim"], swiftSettings: hot),
    .target(name: "DenpaInspect", dependencies: engine + ["DenpaTraining"], swiftSettings: cold),
    .target(
      name: "DenpaPlugins", dependencies: engine + ["CShim", "CDenpa", "DenpaInspect"], swiftSettings: cold),
    .target(
      name: "Denpa",
      dependencies: engine + [
        "CShim", "CDenpa", "DenpaLayers", "DenpaTraining", "DenpaInspect", "DenpaFormats", "DenpaPlugins",
      ],
      swiftSettings: hot,
      // lld: gold leaves local names in the dynamic symbol table. The flags stand in Sources/CShim/link.txt.
      linkerSettings: [
        .unsafeFlags(
          [
            "-static-stdlib", "-use-ld=lld", "-Xclang-linker",
            "-Wl,@\(Context.packageDirectory)/Sources/CShim/link.txt",
            "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CShim/exports.map",
            "-Xlinker", "--script=\(Context.packageDirectory)/Sources/CShim/sections.ld",
          ] + standardLibrary)
      ]),
    // Measures the product kernel by itself (benchmarks/product); no part of the library.
    .target(name: "Peak", path: "benchmarks/product/peak"),
    .executableTarget(
      name: "product-benchmark", dependencies: ["CShim", "DenpaKernelTypes", "DenpaCore", "Peak"],
      path: "benchmarks/product/timer", swiftSettings: strict),
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
