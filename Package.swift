// swift-tools-version: 6.2
import PackageDescription

/// `scripts/fuzz` sets the variable: everything is instrumented, and the fuzzer is added at the end.
let isFuzzing = Context.environment["EASEL_FUZZ"] == "1"
/// `scripts/simulate` sets the variable: one program takes the place of all tests.
let isSimulating = Context.environment["EASEL_SIMULATION"] == "1"
let sanitizers = isFuzzing ? ["-sanitize=fuzzer,address"] : []
/// Fuzzer and simulation reach what is internal to `Easel` as tests do, which a release build has to be told.
let testability = isFuzzing || isSimulating ? ["-enable-testing"] : []

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .unsafeFlags(sanitizers + testability),
]

let package = Package(
    name: "easel",
    products: [.executable(name: "easel", targets: ["Command"])],
    targets: [
        // The C libraries, each imported by exactly one module below.
        .systemLibrary(name: "CEvent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CVips", pkgConfig: "gobject-2.0", providers: [.apt(["libvips-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        // What is written in C, because Swift cannot say it.
        .target(name: "CBase64"),
        .target(name: "Base64", dependencies: ["CBase64"], swiftSettings: settings),

        // Values: no I/O, no clock, and no C but for the vectors of Base64.
        .target(name: "HTTP", dependencies: ["Base64"], swiftSettings: settings),
        .target(name: "JSON", swiftSettings: settings),

        // Effects: each wraps one library behind a narrow, safe face.
        .target(name: "LibEvent", dependencies: ["CEvent"], swiftSettings: settings),
        .target(name: "Files", dependencies: ["CLinux", "HTTP", "LibEvent"], swiftSettings: settings),
        .target(name: "HTTPServer", dependencies: ["Files", "HTTP", "LibEvent"], swiftSettings: settings),
        .target(name: "HTTPClient", dependencies: ["CCurl", "HTTP", "LibEvent"], swiftSettings: settings),
        .target(name: "SQLite", dependencies: ["CSQLite"], swiftSettings: settings),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: settings),
        .target(name: "Imaging", dependencies: ["CVips"], swiftSettings: settings),
        .target(name: "Crypto", dependencies: ["CCrypto"], swiftSettings: settings),

        // The product: every rule of the gateway, and nothing unsafe.
        .target(
            name: "Easel",
            dependencies: [
                "Crypto", "Files", "HTTP", "HTTPClient", "HTTPServer", "Imaging", "JSON", "LibEvent", "SQLite", "YAML",
            ],
            // config/dialects, by a link: the files that owners copy are the ones in the binary.
            resources: [.embedInCode("Dialects/Builtin")],
            swiftSettings: settings),
        // The executable: arguments in, exit code out.
        .executableTarget(name: "Command", dependencies: ["Easel", "LibEvent"], swiftSettings: settings),

        .target(name: "Support", dependencies: ["LibEvent"], path: "Tests/Support", swiftSettings: settings),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP"], swiftSettings: settings),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(name: "LibEventTests", dependencies: ["LibEvent", "Support"], swiftSettings: settings),
        .testTarget(
            name: "FilesTests", dependencies: ["Files", "HTTP", "LibEvent", "Support"], swiftSettings: settings),
        .testTarget(
            name: "HTTPServerTests", dependencies: ["Files", "HTTP", "HTTPServer", "LibEvent", "Support"],
            swiftSettings: settings),
        .testTarget(
            name: "HTTPClientTests", dependencies: ["HTTP", "HTTPClient", "LibEvent", "Support"],
            swiftSettings: settings),
        .testTarget(name: "SQLiteTests", dependencies: ["SQLite"], swiftSettings: settings),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: settings),
        .testTarget(name: "ImagingTests", dependencies: ["Imaging"], swiftSettings: settings),
        .testTarget(name: "CryptoTests", dependencies: ["Crypto"], swiftSettings: settings),
        .testTarget(
            name: "EaselTests",
            dependencies: [
                "Crypto", "Easel", "Files", "HTTP", "HTTPClient", "HTTPServer", "Imaging", "JSON", "LibEvent",
                "SQLite", "Support", "YAML",
            ],
            exclude: ["Configuration/Examples", "Fixtures", "Simulation/Simulate.swift"],
            swiftSettings: settings),
    ]
)

if isFuzzing {
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "easel-fuzz",
            dependencies: ["CLibFuzzer", "Easel", "HTTP", "HTTPServer", "JSON", "YAML"], path: "Fuzz",
            exclude: ["CLibFuzzer", "Corpus"], swiftSettings: settings,
            // Debian's default linker, gold, fails on the sanitizer's symbols.
            linkerSettings: [.unsafeFlags(sanitizers + ["-use-ld=lld"])]),
    ]
}

if isSimulating {
    // Most of the tests would take longer to compile than a hundred thousand histories take.
    package.targets.removeAll(where: \.isTest)
    package.targets.append(
        .executableTarget(
            name: "easel-simulate",
            dependencies: [
                "Crypto", "Easel", "Files", "HTTP", "HTTPClient", "HTTPServer", "Imaging", "JSON", "LibEvent", "SQLite",
                "YAML",
            ], path: "Tests/EaselTests",
            exclude: [
                "API", "Commands", "Configuration", "Dialects", "Fixtures", "Inputs", "Jobs", "Ledger", "Limits",
                "Operations", "Pricing", "Results", "Routing", "ServiceTests.swift", "Serving",
                "Simulation/MemoryRowsTests.swift", "Simulation/SimulationTests.swift", "Spool", "TestData.swift",
                "TidyTests.swift",
            ],
            sources: ["Parts", "Simulation"], swiftSettings: settings))
}
