// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors in our own code, everywhere.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// Code that is part of each step. Dynamic exclusivity checks would end the process where one failed, and
/// cost a tenth of a small network's step; debug builds have them.
let hot = strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]
/// Code that runs once for a network or a file, never for a batch, is compiled for size.
let cold = hot + [.unsafeFlags(["-Osize"])]

/// The kernel folder is built for each instruction set and each float dtype, every time as a module of its
/// own: nothing in the engine is generic over the dtype, and a table of kernels is written once.
/// `-disable-cmo`: nothing of a kernel module may be inlined into code that runs on every CPU
/// (docs/design.md, "Kernels").
func kernels(_ set: String, _ flags: [String] = []) -> [Target] {
  ["F32", "F64"].map { dtype in
    .target(
      name: "DenpaKernels\(set)\(dtype)", dependencies: ["DenpaKernelTypes", "CShim"],
      swiftSettings: strict + [
        .unsafeFlags(
          ["-Ounchecked", "-disable-cmo", "-Xfrontend", "-disable-stack-protector", "-D", "DENPA_\(dtype)"]
            + flags)
      ])
  }
}

#if arch(x86_64)
  let wideKernels =
    kernels("AVX2", ["-target-cpu", "haswell", "-Xcc", "-march=haswell", "-D", "DENPA_AVX2"])
    + kernels(
      "AVX512",
      [
        "-target-cpu", "skylake-avx512", "-Xcc", "-march=skylake-avx512", "-Xcc", "-mprefer-vector-width=512",
        "-D", "DENPA_AVX512",
      ])
#else
  let wideKernels: [Target] = []
#endif
let allKernels = kernels("") + wideKernels

/// The folder with Swift's standard library as `make` prepares it (scripts/prune_stdlib.py). Without `make`
/// it is the toolchain's own, and the library a megabyte larger.
let standardLibrary = Context.environment["DENPA_STDLIB"].map { ["\($0)/Swift.o", "\($0)/Glibc.o"] } ?? []

let engine: [Target.Dependency] = ["DenpaKernelTypes", "DenpaCore", "DenpaGraph"]

let package = Package(
  name: "denpa",
  products: [.library(name: "denpa", type: .dynamic, targets: ["Denpa"])],
  targets: [
    // Callbacks are called through the types of the public headers.
    .target(name: "CShim", cxxSettings: [.headerSearchPath("../../include")]),
    .systemLibrary(name: "CDenpa", path: "include"),
    .target(name: "DenpaKernelTypes", swiftSettings: strict),
    .target(
      name: "DenpaCore",
      dependencies: ["CShim", "DenpaKernelTypes"] + allKernels.map { .byName(name: $0.name) },
      swiftSettings: hot),
    .target(
      name: "DenpaGraph", dependencies: ["CShim", "DenpaKernelTypes", "DenpaCore"], swiftSettings: hot),
    .target(name: "DenpaLayers", dependencies: engine, swiftSettings: cold),
    .target(name: "DenpaMetrics", dependencies: engine, swiftSettings: cold),
    .target(name: "DenpaFormats", dependencies: engine + ["CShim"], swiftSettings: cold),
    .target(name: "DenpaTraining", dependencies: engine + ["CShim"], swiftSettings: hot),
    .target(name: "DenpaInspect", dependencies: engine + ["DenpaTraining"], swiftSettings: cold),
    .target(
      name: "DenpaPlugins", dependencies: engine + ["CShim", "CDenpa", "DenpaInspect"], swiftSettings: cold),
    .target(
      name: "Denpa",
      dependencies: engine + [
        "CShim", "CDenpa", "DenpaLayers", "DenpaMetrics", "DenpaTraining", "DenpaInspect", "DenpaFormats",
        "DenpaPlugins",
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
    .testTarget(
      name: "DenpaKernelsTests", dependencies: ["DenpaCore", "DenpaKernelTypes"], swiftSettings: strict),
    .testTarget(
      name: "DenpaFormatsTests", dependencies: ["DenpaFormats", "DenpaCore"], exclude: ["golden.py"],
      swiftSettings: strict),
    .testTarget(
      name: "DenpaGraphTests",
      dependencies: ["DenpaGraph", "DenpaLayers", "DenpaTraining", "DenpaInspect", "DenpaCore"],
      swiftSettings: strict),
  ] + allKernels,
  swiftLanguageModes: [.v6]
)
