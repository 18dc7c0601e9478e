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
    /// The same rows, clock and randomness give the same objects.
    @Test(arguments: GoldenRepository.all)
    func isMadeAgainToTheByte(_ golden: GoldenRepository) throws {
        if GoldenRepository.isRecording { try golden.record() }
        let made = try golden.make()
        let objects = try made.store.everything()
        let stored = try golden.load().everything()
        #expect(stored.keys.sorted() == objects.keys.sorted())
        for (name, bytes) in stored {
            let isSame = objects[name] == bytes
            #expect(isSame, "\(name)")
        }
        #expect(try golden.expected().keys.sorted() == made.expected.keys.sorted())
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
            let second = try #require(parts.count == 2 ? Int64(parts[1]) : nil, "\(name)")
            let history = try repository.history(of: String(parts[0]))
            let plan = try history.plan(at: try #require(Instant(second: second)))
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
