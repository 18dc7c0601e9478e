import Foundation
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// Replays what the fuzzers found and started from (`Fixtures/corpus`): no trap, and what is
/// accepted encodes to what it was.
struct CorpusTests {
    @Test(arguments: Decoder.allCases)
    func replays(_ decoder: Decoder) throws {
        let directory = GoldenRepository.root.appendingPathComponent(
            "Fixtures/corpus/\(decoder.rawValue)")
        let inputs = try GoldenRepository.files(under: directory)
        var accepted = 0
        for (name, bytes) in inputs {
            let outcome = decoder.decode(bytes)
            if case .contradicts(let fault) = outcome {
                Issue.record("\(decoder.rawValue)/\(name): \(fault)")
            }
            if outcome == .accepted { accepted += 1 }
        }
        #expect(inputs.count > 1)
        #expect(accepted > 0, "nothing in the corpus is accepted")
    }

    /// The golden repositories' objects and pages are where the fuzzers start: with
    /// VARVE_RECORD_SEEDS naming a directory, they are written there.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["VARVE_RECORD_SEEDS"] != nil))
    func recordSeeds() throws {
        let path = try #require(ProcessInfo.processInfo.environment["VARVE_RECORD_SEEDS"])
        let root = URL(fileURLWithPath: path)
        try Self.addHeadMap(to: root)
        let recorded = try #require(GoldenRepository.all.first { $0.name == "recorded" })
        var stores = try GoldenRepository.all.map { try $0.load() }
        stores.append(try recorded.laidOut())
        for store in stores {
            for table in try open(store).tables() {
                let text = try StoredHistory.text(of: store, table: table.id)
                try Self.write(text, .storedHistory, root)
            }
            for (name, bytes) in try store.everything() {
                try Self.add(bytes, of: ObjectName(path: name), to: root)
            }
            for blob in try ObjectExamination(store).blobs.values {
                guard let decoder = Self.decoder(of: blob.type) else { continue }
                try Self.write(blob.plain, decoder, root)
            }
        }
        for golden in GoldenRepository.all {
            for (_, text) in try golden.expected() {
                for line in text.split(separator: 0x0a).prefix(12) {
                    try Self.write(Array(line), .item, root)
                }
            }
        }
    }

    private static func addHeadMap(to root: URL) throws {
        var output = ByteWriter()
        output.append(0 as UInt8)
        let words = try MappedFile.anonymous(words: HeadMap.wordCount(bits: HeadMap.bitsMin))
        let environment = GoldenBuilder.environment(time: ManualTime(0), seed: 3)
        var header = HeadMapHeader(
            repository: environment.randomID(), table: environment.randomID(), secret: (3, 4),
            bits: HeadMap.bitsMin)
        for generation in [0, 1] as [UInt64] {
            header.generation = generation
            header.write(to: words)
            let start = generation == 0 ? 0 : 256
            for index in 0..<18 { output.append(u64: words[start + index]) }
        }
        try write(output.bytes.copyBytes(), .headMap, root)
        // A free place, one with an item, one whose item is gone.
        for _ in 0..<HeadMap.entryWords { output.append(u64: 0) }
        var map = HeadMap(words: words, header: header)
        for number in 0..<2 as Range<UInt8> {
            let key = map.fingerprint([number].raw)
            try map.set(key, HeadMap.Entry(hash: sha256([number].raw), size: 90))
            if number == 1 { try map.set(key, nil) }
            let slot = (0..<map.capacity).first {
                map.words[HeadMap.headerWords + $0 * HeadMap.entryWords + 1] == key.first
            }
            let start = HeadMap.headerWords + (try #require(slot)) * HeadMap.entryWords
            for word in start..<start + HeadMap.entryWords { output.append(u64: map.words[word]) }
        }
        try write(output.takeBytes(), .headMap, root)
    }

    private static func decoder(of type: BlobType) -> Decoder? {
        switch type {
        case .imageLeaf: .imageLeaf
        case .runLeaf: .runLeaf
        case .imageIndex: .imageIndex
        case .runIndex: .runIndex
        case .outlinedValue: .value
        case .checkpointLeaf: .checkpointLeaf
        case .checkpointIndex: .checkpointIndex
        case .timeList: .timeList
        default: nil
        }
    }

    private static func add(_ bytes: [UInt8], of object: ObjectName?, to root: URL) throws {
        switch object {
        case .pack:
            try write(bytes, .pack, root)
            try write(bytes, .packScan, root)
        case .index: try write(bytes.dropLast(32), .packIndex, root)
        case nil: break
        case .commit:
            let commit = try CommitRecord(sealed: bytes, name: "seed")
            try write(commit.logical.sourcePosition, .position, root)
            try write([bytes[5]] + bytes[56..<bytes.count - 32], .sealedObject, root)
        default: try write([bytes[5]] + bytes[56..<bytes.count - 32], .sealedObject, root)
        }
    }

    /// Large inputs slow fuzzers down and teach them little.
    private static func write(
        _ bytes: some Swift.Collection<UInt8>, _ decoder: Decoder, _ root: URL
    ) throws {
        if bytes.count > (decoder == .storedHistory ? 16_384 : 4_096) { return }
        let directory = root.appendingPathComponent(decoder.rawValue)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let name = sha256(Array(bytes).raw).description.prefix(16)
        try Data(bytes).write(to: directory.appendingPathComponent(String(name)))
    }
}
