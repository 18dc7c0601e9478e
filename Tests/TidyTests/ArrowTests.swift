import Testing

/// Arrows between targets point down only. SwiftPM accepts an import of what a dependency depends
/// on; these tests do not.
@Suite("Target graph")
struct ArrowTests {
    /// Each target with the modules that its files may import. A new arrow is added on purpose.
    static let allowed: [String: Set<String>] = [
        "VarveBytes": ["CGlibc", "CLZ4", "COpenSSL", "CZlib"],
        "VarveModel": ["VarveBytes"],
        "VarveFormat": ["VarveModel", "VarveBytes"],
        "VarveStorage": ["VarveBytes"],
        "VarveArchive": ["VarveStorage", "VarveFormat", "VarveModel", "VarveBytes"],
        "VarveEndpoints": ["VarveStorage", "VarveModel", "VarveBytes"],
        "VarveBackups": [
            "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat", "VarveModel",
            "VarveBytes",
        ],
        "VarveCommandLine": [
            "VarveBackups", "VarveArchive", "VarveEndpoints", "VarveStorage", "VarveFormat",
            "VarveModel", "VarveBytes", "ArgumentParser",
        ],
        "varve": ["VarveCommandLine"],
    ]

    /// Parts of the standard library and the system that come with the toolchain.
    static let everywhere: Set = ["Swift", "Synchronization", "Dispatch"]
    static let system: Set = ["Glibc", "Musl", "Darwin", "Foundation", "FoundationEssentials"]
    static let shims: Set = ["CGlibc", "CLZ4", "COpenSSL", "CZlib"]

    @Test func everyTargetIsListed() {
        let folders = Set(Repository.files(in: "Sources").map { $0.split(separator: "/")[1] })
        #expect(Set(Self.allowed.keys) == Set(folders.map(String.init)))
    }

    @Test func importsFollowTheArrows() {
        for (target, modules) in Self.allowed {
            let own = target == "VarveBytes" ? Self.system : []
            for (file, line, module) in imports(in: "Sources/" + target) {
                #expect(
                    modules.union(Self.everywhere).union(own).contains(module),
                    "\(file):\(line) imports \(module), which \(target) may not")
            }
        }
    }

    @Test func theManifestListsEveryImport() throws {
        let manifest = Manifest(try #require(Repository.text("Package.swift")))
        #expect(manifest.dependencies["VarveBytes"] == ["CGlibc", "CLZ4", "COpenSSL", "CZlib"])
        for (target, modules) in Self.allowed {
            let listed = try #require(manifest.dependencies[target], "no target \(target)")
            #expect(listed.isSubset(of: modules), "\(target) lists \(listed.subtracting(modules))")
            expectListed(listed, target, "Sources/" + target, besides: Self.system)
        }
        for (target, listed) in manifest.dependencies where target.hasSuffix("Tests") {
            expectListed(
                listed, target, "Tests/" + target, besides: Self.system.union(["Testing"]))
        }
    }

    func expectListed(
        _ listed: Set<String>, _ target: String, _ folder: String, besides: Set<String>
    ) {
        let known = listed.union(besides).union(Self.everywhere)
        for (file, line, module) in imports(in: folder) {
            #expect(
                known.contains(module),
                "\(file):\(line) imports \(module); Package.swift has no such arrow for \(target)")
        }
    }

    @Test func onlyVarveBytesIsUnsafe() throws {
        let word = try Regex(#"\bunsafe\b"#)
        var unsafeFiles = 0
        for file in Repository.files(in: "Sources") {
            let code = Repository.code(file)
            guard code.contains("unsafe"), code.contains(word) else { continue }
            unsafeFiles += 1
            #expect(file.hasPrefix("Sources/VarveBytes/"), "\(file) uses unsafe code")
        }
        #expect(unsafeFiles > 0, "nothing unsafe is found at all: the search is broken")
    }

    @Test func onlyVarveBytesImportsTheShims() {
        for folder in ["Sources", "Tests"] {
            for (file, line, module) in imports(in: folder) where Self.shims.contains(module) {
                #expect(
                    file.hasPrefix("Sources/VarveBytes/"), "\(file):\(line) imports \(module)")
            }
        }
    }

    /// The imports of a folder's files: file, line, module (of `import struct A.B` it is A).
    func imports(in folder: String) -> [(String, Int, String)] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "typealias"]
        return Repository.files(in: folder).flatMap { file in
            Repository.code(file).split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated().compactMap { index, line in
                    guard line.contains("import ") else { return nil }
                    let words = line.split(whereSeparator: \.isWhitespace)
                    guard let at = words.firstIndex(of: "import"),
                        words[..<at].allSatisfy({ Self.isModifier($0) }),
                        let name = words[(at + 1)...].first(where: { !kinds.contains($0) })
                    else { return nil }
                    return (file, index + 1, String(name.prefix { $0 != "." && $0 != ";" }))
                }
        }
    }

    static func isModifier(_ word: Substring) -> Bool {
        word.hasPrefix("@")
            || ["public", "package", "internal", "private", "fileprivate"].contains(word)
    }
}

/// Package.swift, read roughly: each target with the names that its dependencies list.
struct Manifest {
    var dependencies: [String: Set<String>] = [:]

    init(_ text: String) {
        let target = #/(?:library|tests|executableTarget)\((?:name: )?"(\w+)",\s*/#
        let product = #/\.product\(name: "(\w+)",[^)]*\)/#
        let name = #/"(\w+)"/#
        let flat = text.replacing(product) { "\"\($0.output.1)\"" }
        for match in flat.matches(of: target) {
            let rest = flat[match.range.upperBound...]
            guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]")
            else { continue }
            let names = rest[open..<close].matches(of: name).map { String($0.output.1) }
            dependencies[String(match.output.1)] = Set(names)
        }
    }
}
