import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What earlier versions wrote stays readable, byte for byte. With VARVE_RECORD=1 in the
/// environment the first test writes `Fixtures/golden` anew.
@Suite(.serialized)
struct GoldenTests {
    /// The same rows, clock and randomness give the same objects: the same bytes where the library
    /// compresses as it did when they were recorded, else the same contents.
    @Test(arguments: GoldenRepository.all)
    func isMadeAgainToTheByte(_ golden: GoldenRepository) throws {
        if GoldenRepository.isRecording { try golden.record() }
        let made = try golden.make()
        let stored = try golden.load()
        let (new, old) = (try GoldenMeaning(made.store), try GoldenMeaning(stored))
        #expect(new.difference(from: old) == [])
        if try LZ4.version == GoldenRepository.compressor {
            let objects = try made.store.everything()
            let recorded = try stored.everything()
            #expect(recorded.keys.sorted() == objects.keys.sorted())
            for (name, bytes) in recorded {
                let isSame = objects[name] == bytes
                #expect(isSame, "\(name)")
            }
        }
        #expect(try golden.expected().keys.sorted() == made.expected.keys.sorted())
    }

    /// The meaning does not change with the compressor, and changes with all else.
    @Test(arguments: GoldenRepository.all)
    func meaningIsWhatACompressorCannotChange(_ golden: GoldenRepository) throws {
        let stored = try golden.load()
        let meaning = try GoldenMeaning(stored)
        let other = try stored.compressedOtherwise()
        // So little as "small" holds does not compress.
        #expect(try (other.everything() == stored.everything()) == (golden.name == "small"))
        #expect(try GoldenMeaning(other).difference(from: meaning) == [])
        // Any object that is lost is missed; indexes follow from the packs.
        for name in try stored.list("").map(\.name) where !name.hasPrefix("indexes/") {
            let store = stored.snapshot()
            try store.delete(name)
            #expect(try GoldenMeaning(store).difference(from: meaning) != [], "\(name)")
        }
    }

    @Test(arguments: GoldenRepository.all)
    func givesTheExpectedItems(_ golden: GoldenRepository) throws {
        let repository = try open(golden.load())
        var expected = try golden.expected()
        for (history, backup) in try repository.allBackups() {
            let name = "\(history.record.name)-\(backup.name)"
            let found = expected.removeValue(forKey: name)
            let text = try #require(found, "\(name)")
            let wanted = try rows(text, history.record.keySchema)
            let restored = try repository.restore(history, backup)
            #expect(restored == wanted, "\(name)")
        }
        for (name, text) in expected {
            let parts = name.split(separator: "@")
            let history = try repository.history(of: String(try #require(parts.first)))
            let plan: StatePlan
            if parts.last == "newest" {
                plan = try history.newestPlan()
            } else {
                let second = try #require(parts.count == 2 ? Int64(parts[1]) : nil, "\(name)")
                plan = try history.plan(at: try #require(Instant(second: second)))
            }
            var digest = Hash256.zero
            let restored = try repository.restore(history, plan, digest: &digest)
            #expect(try restored == rows(text, history.record.keySchema), "\(name)")
        }
    }

    /// Objects, pages and cuts have one encoding each.
    @Test(arguments: GoldenRepository.all)
    func encodesAgainToTheByte(_ golden: GoldenRepository) throws {
        let objects = try ObjectExamination(golden.load())
        let configuration = try #require(objects.configuration)
        let hash = try CutHash(cutKey: configuration.cutKey.raw)
        var pages = 0
        for (tree, kind, table) in objects.trees {
            let schema = try #require(objects.tables[table]).keySchema
            pages += try TreeExamination(
                tree, kind, schema, blobs: objects.blobs, hash: hash
            ).pageCount
        }
        #expect(pages > 0)
        if golden.name == "films" {
            #expect(objects.packCount >= 3)
            #expect(objects.trees.contains { $0.tree.height > 0 })
        }
    }
}
