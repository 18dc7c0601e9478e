import Foundation
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

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
        for golden in GoldenRepository.all {
            let store = try golden.load()
            for (name, bytes) in try store.everything() {
                try Self.add(bytes, of: ObjectName(path: name), to: root)
            }
            for blob in try ObjectExamination(store).blobs.values {
                guard let decoder = Self.decoder(of: blob.type) else { continue }
                try Self.write(blob.plain, decoder, root)
            }
            for (_, text) in try golden.expected() {
                for line in text.split(separator: 0x0a).prefix(12) {
                    try Self.write(Array(line), .item, root)
                }
            }
        }
    }

    private static func decoder(of type: BlobType) -> Decoder? {
        switch type {
        case .imageLeaf: .imageLeaf
        case .runLeaf: .runLeaf
        case .imageIndex: .imageIndex
        case .runIndex: .runIndex
        case .outlinedValue: .value
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
        default: try write([bytes[5]] + bytes[56..<bytes.count - 32], .sealedObject, root)
        }
    }

    /// Large inputs slow fuzzers down and teach them little.
    private static func write(
        _ bytes: some Collection<UInt8>, _ decoder: Decoder, _ root: URL
    ) throws {
        if bytes.count > 4_096 { return }
        let directory = root.appendingPathComponent(decoder.rawValue)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let name = sha256(Array(bytes).raw).description.prefix(16)
        try Data(bytes).write(to: directory.appendingPathComponent(String(name)))
    }
}
