import Foundation
import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A stored repository under `Fixtures/golden`, and the items that its backups must give.
struct GoldenRepository: CustomTestStringConvertible {
    let name: String
    let make: @Sendable () throws -> GoldenBuilder

    var testDescription: String { name }

    static let all = [
        GoldenRepository(name: "small") { try GoldenContents.small() },
        GoldenRepository(name: "values") { try GoldenContents.values() },
        GoldenRepository(name: "history") { try GoldenContents.history() },
        GoldenRepository(name: "recorded") { try GoldenContents.recorded() },
        GoldenRepository(name: "kept") { try GoldenContents.kept() },
        GoldenRepository(name: "films") { try GoldenContents.films() },
    ]

    /// The package's directory.
    static var root: URL {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        return root
    }

    /// Whether the files are to be made anew.
    static var isRecording: Bool { ProcessInfo.processInfo.environment["VARVE_RECORD"] == "1" }

    /// The version of liblz4 that compressed the files.
    static var compressor: String {
        get throws {
            let text = try String(contentsOf: compressorFile, encoding: .utf8)
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    private static var compressorFile: URL {
        root.appendingPathComponent("Fixtures/golden/liblz4-version")
    }

    var directory: URL { Self.root.appendingPathComponent("Fixtures/golden/\(name)") }

    // MARK: Reading

    /// A copy of the stored objects, in memory.
    func load() throws -> MemoryStore {
        let store = MemoryStore(clock: ManualTime(GoldenBuilder.start))
        let objects = try Self.files(under: directory.appendingPathComponent("repository"))
        for (name, bytes) in objects { try store.create(name, bytes) }
        return store
    }

    /// A copy whose tables are laid out, and nothing left of how they were.
    func laidOut() throws -> MemoryStore {
        let store = try load()
        let repository = try open(store)
        for (table, record) in try repository.tables() {
            #expect(try !Compactor(repository).run(table, record, isForced: true).isEmpty)
        }
        _ = try Pruning(repository, Pruning.Request(grace: 0)).run()
        return store
    }

    /// Lines of DynamoDB JSON by backup, as `table-backup`, by instant, as `table@second`, or of
    /// the newest state, as `table@newest`.
    func expected() throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        let files = try Self.files(under: directory.appendingPathComponent("expected"))
        for (name, bytes) in files {
            if name.hasSuffix(".jsonl") {
                result[String(name.dropLast(6))] = bytes
            } else if name.hasSuffix(".jsonl.gz") {
                result[String(name.dropLast(9))] = try inflate(bytes)
            } else {
                Issue.record("\(name) is no file of items")
            }
        }
        return result
    }

    static func files(under directory: URL) throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: directory.path) {
            let url = directory.appendingPathComponent(path)
            let facts = try url.resourceValues(forKeys: [.isRegularFileKey])
            if facts.isRegularFile == true { result[path] = [UInt8](try Data(contentsOf: url)) }
        }
        return result
    }

    // MARK: Recording

    /// Makes the files anew. Only for VARVE_RECORD=1: they are what later versions are held to.
    func record() throws {
        let made = try make()
        try Self.write(Array("\(LZ4.version)\n".utf8), to: Self.compressorFile)
        try? FileManager.default.removeItem(at: directory)
        for (name, bytes) in try made.store.everything() {
            try Self.write(bytes, to: directory.appendingPathComponent("repository/\(name)"))
        }
        for (name, lines) in made.expected {
            let text = Array(lines.joined(separator: "\n").utf8) + (lines.isEmpty ? [] : [0x0a])
            let url = directory.appendingPathComponent("expected/\(name).jsonl")
            if text.count < 200_000 {
                try Self.write(text, to: url)
            } else {
                try Self.write(deflate(text), to: url.appendingPathExtension("gz"))
            }
        }
    }

    private static func write(_ bytes: [UInt8], to url: URL) throws {
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }
}

extension MemoryStore {
    /// Name and bytes of every object.
    func everything() throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for entry in try list("") { result[entry.name] = try read(entry.name) }
        return result
    }
}

func inflate(_ bytes: [UInt8]) throws -> [UInt8] {
    var reader = GzipReader()
    var output = ByteWriter()
    var start = 0
    while start < bytes.count || reader.hasPendingOutput {
        start += try reader.inflate(
            bytes.raw.part(start, bytes.count), into: &output, room: 1 << 20)
    }
    try reader.finish()
    return output.takeBytes()
}

func deflate(_ bytes: [UInt8]) -> [UInt8] {
    var writer = GzipWriter()
    var output = ByteWriter()
    writer.begin(into: &output)
    writer.add(GzipWriter.deflate(bytes.raw, into: &output))
    writer.end(into: &output)
    return output.takeBytes()
}
