// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "varve",
    products: [
        .executable(name: "varve", targets: ["varve"]),
        .library(name: "VarveArchive", targets: ["VarveArchive"]),
    ],
    dependencies: [
        // Commands, help, completion scripts: what every Swift command-line tool uses.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // System libraries: the reference implementations of LZ4, SHA-256 and gzip; calls of the C
        // library that Swift lacks.
        .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CGlibc"),

        library("VarveBytes", ["CGlibc", "CLZ4", "COpenSSL", "CZlib"]),
        library("VarveModel", ["VarveBytes"]),
        library("VarveFormat", ["VarveModel", "VarveBytes"]),
        library("VarveStorage", ["VarveBytes"]),
        library("VarveArchive", ["VarveStorage", "VarveFormat", "VarveModel", "VarveBytes"]),
        library("VarveEndpoints", ["VarveStorage", "VarveModel", "VarveBytes"]),
        library("VarveBackups", [
            "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel", "VarveBytes",
        ]),
        library("VarveCommandLine", [
            "VarveBackups", "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel",
            "VarveBytes",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ]),
        .executableTarget(name: "varve", dependencies: ["VarveCommandLine"], swiftSettings: strict),

        tests("VarveBytesTests", ["VarveBytes"]),
        tests("VarveModelTests", ["VarveModel", "VarveBytes"]),
        tests("VarveFormatTests", ["VarveFormat", "VarveModel", "VarveBytes"]),
        tests("VarveStorageTests", ["VarveStorage", "VarveBytes"]),
        tests("VarveArchiveTests", ["VarveArchive", "VarveStorage", "VarveFormat", "VarveModel", "VarveBytes"]),
        tests("VarveEndpointsTests", ["VarveEndpoints", "VarveModel", "VarveBytes", "VarveStorage"]),
        tests("VarveBackupsTests", [
            "VarveBackups", "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel",
            "VarveBytes",
        ]),
        tests("VarveCommandLineTests", [
            "VarveCommandLine", "VarveBackups", "VarveBytes",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ]),
        tests("VarveGoldenTests", [
            "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel", "VarveBytes",
        ]),
        tests("TidyTests", []),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers need a compiler's flag for the whole build, and a main function that is libFuzzer's.
if Context.environment["VARVE_FUZZ"] == "1" {
    package.targets.append(
        .executableTarget(
            name: "fuzzing",
            dependencies: [
                "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel", "VarveBytes",
            ],
            path: "Tools/fuzzing"))
}
