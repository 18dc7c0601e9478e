import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Files of head maps that are old, new, damaged or in use. A wrong map would show as a wrong
/// digest, or as a contradiction.
struct HeadMapTests {
    private final class Scene {
        let test: TestRepository
        let source: RecordedSource
        let directory: String
        var heads: HeadMapPlace { .directory(directory) }

        init(seed: UInt64, seconds: Int = 30, keys: Int = 30) throws {
            test = try RecorderTests.repository(seed: seed)
            source = RecordedSource(test.random, seconds: seconds, busy: 30, keys: keys)
            directory = try FileSystem.makeTemporaryDirectory(prefix: "varve-heads")
        }

        deinit { try? FileSystem.removeTree(directory) }

        var file: String {
            get throws {
                let names = try FileSystem.names(in: directory)
                #expect(names.count == 1)
                return directory + "/" + (names.first ?? "")
            }
        }

        /// Records a part of the source.
        /// - Parameter isOrderly: puts the map away at the end; else as if killed.
        func record(_ range: Range<Int>, isOrderly: Bool = true) throws {
            let recorder = try test.recorder(heads: heads)
            recorder.begin(source: "changes", at: UInt64(range.lowerBound) * 10)
            try recorder.append(try source.batch(range))
            try recorder.flush()
            if range.upperBound == source.records.count { try recorder.finish() }
            #expect(recorder.takeRejected() == nil)
            if isOrderly { try recorder.end() }
        }

        /// The record to go on with.
        func next() throws -> Int {
            let head = try test.repository.history(of: "orders").chainHead
            return SourcePosition(encoded: head.sourcePosition)
                .map { RecordedSource.index(at: $0.offset) } ?? 0
        }

        func check() throws {
            let repository = try test.reopened()
            try source.model.check(repository, name: "orders", schema: TestTable.schemas[0])
        }
    }

    private func read(_ path: String) throws -> [UInt8] {
        try FileDescriptor(reading: path).readAll()
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try FileDescriptor(overwriting: path)
        try file.write(bytes.raw)
    }

    /// The map is older than the archive: it is brought up to date, whether it was put away or not.
    @Test(arguments: [false, true]) func anOldMapCatchesUp(isOrderly: Bool) throws {
        let scene = try Scene(seed: 700)
        let third = scene.source.records.count / 3
        try scene.record(0..<third, isOrderly: isOrderly)
        let old = try read(scene.file)
        try scene.record(try scene.next()..<2 * third, isOrderly: isOrderly)
        let new = try read(scene.file)
        #expect(old != new)
        // As if it had died in the middle of bringing it up to date.
        var mixed = old
        for offset in stride(from: 4096, to: old.count, by: 1) where (offset / 3) % 2 == 0 {
            mixed[offset] = new[offset]
        }
        try write(isOrderly ? old : mixed, scene.file)
        try scene.record(try scene.next()..<scene.source.records.count)
        try scene.check()
    }

    /// The map knows commits that the archive has not: a copy of the repository was put back.
    @Test func aNewerMapIsMadeAnew() throws {
        let scene = try Scene(seed: 701)
        let third = scene.source.records.count / 3
        try scene.record(0..<third)
        let memory = try #require(scene.test.store as? MemoryStore)
        let snapshot = memory.snapshot()
        try scene.record(try scene.next()..<2 * third)
        let repository = try Repository.open(
            snapshot,
            environment: TestRepository.environment(seed: 3, workers: 1, time: scene.test.time))
        let recorder = try scene.test.recorder(repository, heads: scene.heads)
        try recorder.feed(scene.source, scene.test.random, time: scene.test.time)
        #expect(recorder.takeRejected() == nil)
        try scene.source.model.check(repository, name: "orders", schema: TestTable.schemas[0])
    }

    /// A map that holds half of the records.
    private func halfRecorded(seed: UInt64) throws -> (scene: Scene, map: [UInt8]) {
        let scene = try Scene(seed: seed, seconds: 8)
        try scene.record(0..<scene.source.records.count / 2)
        return (scene, try read(scene.file))
    }

    /// With these bytes for a map everything is recorded, and right.
    private func checkRecording(_ scene: Scene, uponMap bytes: [UInt8]) throws {
        try write(bytes, scene.file)
        let store = try #require(scene.test.store as? MemoryStore)
        let repository = try Repository.open(
            store.snapshot(),
            environment: TestRepository.environment(seed: 3, workers: 1, time: scene.test.time))
        let recorder = try scene.test.recorder(repository, heads: scene.heads)
        recorder.begin(source: "changes")
        try recorder.append(try scene.source.batch(0..<scene.source.records.count))
        try recorder.finish()
        #expect(recorder.takeRejected() == nil)
        try scene.source.model.check(repository, name: "orders", schema: TestTable.schemas[0])
    }

    /// Any byte of the header, and lengths: the map is made anew, or is the same.
    @Test func damagedMapsAreMadeAnew() throws {
        let (scene, good) = try halfRecorded(seed: 702)
        var cases: [[UInt8]] = [[], [1, 2, 3], Array(good[..<4096]), Array(good.dropLast(8))]
        for offset in stride(from: 0, to: 4096, by: 61) {
            var bytes = good
            bytes[offset] ^= 0x10
            cases.append(bytes)
        }
        // Both headers.
        var both = good
        both[8] ^= 1
        both[2056] ^= 1
        cases.append(both)
        for bytes in cases { try checkRecording(scene, uponMap: bytes) }
    }

    /// Any word of any entry: what is recorded upon it is right.
    @Test func damagedEntriesAreFound() throws {
        let (scene, good) = try halfRecorded(seed: 706)
        for word in 1...7 {
            var bytes = good
            // The same word of every entry, a bit of it that moves on.
            for offset in stride(from: 4096 + (word - 1) * 8, to: bytes.count, by: 56) {
                bytes[offset + (offset / 56) % 8] ^= 1 << UInt8(word)
            }
            try checkRecording(scene, uponMap: bytes)
        }
    }

    @Test func oneProcessAtATime() throws {
        let scene = try Scene(seed: 703, seconds: 8)
        let first = try scene.test.recorder(heads: scene.heads)
        #expect(throws: VarveError(.conflict, "")) {
            try scene.test.recorder(heads: scene.heads)
        }
        try first.end()
        try scene.test.recorder(heads: scene.heads).end()
    }

    /// More items than it was made for, in memory and in a file.
    @Test(arguments: [false, true]) func itGrows(inFile: Bool) throws {
        let scene = try Scene(seed: 704, seconds: 400, keys: 4000)
        let recorder = try scene.test.recorder(heads: inFile ? scene.heads : .memory)
        try recorder.feed(scene.source, scene.test.random, time: scene.test.time, batchMax: 900)
        #expect(recorder.takeRejected() == nil)
        #expect(recorder.head.items > 1024)
        try recorder.end()
        let repository = try scene.test.reopened()
        let plan = try repository.history(of: "orders").newestPlan()
        let rows = HistoryModel.rows(scene.source.model.latest)
        #expect(plan.checkpoint.digest.agrees(with: ItemDigest.tableDigest(of: rows)))
        // And it is the same when it is read again, and when it is made anew.
        for heads in [scene.heads, .memory] {
            let again = try scene.test.recorder(repository, heads: heads)
            #expect(again.head.items == UInt64(rows.count))
            try again.end()
        }
    }
}
