import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Recorded histories against the plain model: every checkpoint is restored and compared.
struct RecorderTests {
    /// A repository whose clock is behind all changes of a test.
    static func repository(
        seed: UInt64, workers: Int = 1, schema: KeySchema = TestTable.schemas[0],
        store: (any ObjectStore)? = nil
    ) throws -> TestRepository {
        let test = try TestRepository(seed: seed, workers: workers, store: store)
        _ = try test.repository.beginHistory(
            name: "orders", schema: schema, at: TestRepository.instant(0))
        test.time.advance(seconds: 100_000)
        return test
    }

    @Test(arguments: 0..<40) func randomHistories(seed: UInt64) throws {
        let schema = TestTable.schemas[Int(seed % 4)]
        let test = try Self.repository(seed: seed, workers: seed % 3 == 0 ? 4 : 1, schema: schema)
        let lateness = Int64(seed % 5)
        let source = RecordedSource(
            test.random, schema: schema, seconds: 20 + Int(seed), lateness: lateness,
            busy: seed % 6 == 0 ? 60 : 8, keys: seed % 7 == 0 ? 3 : 30,
            largeEvery: seed % 2 == 0 ? 5 : 0)
        let recorder = try test.recorder(lateness: lateness)
        try recorder.feed(source, test.random, time: test.time)
        #expect(recorder.takeRejected() == nil)
        #expect(recorder.statistics.recorded == UInt64(source.model.versions.count))
        #expect(recorder.statistics.received == UInt64(source.records.count))
        #expect(recorder.acknowledged?.offset == UInt64(source.records.count) * 10)
        try recorder.end()
        let reopened = try test.reopened()
        try source.model.check(reopened, name: "orders", schema: schema)
        if seed % 8 == 0 { #expect(reopened.verify(everything).problems == []) }
        // All of it once more, from the beginning: nothing is doubled.
        let again = try test.recorder(reopened)
        try again.feed(source, test.random, time: test.time)
        #expect(again.takeRejected() == nil)
        #expect(again.statistics.recorded == 0)
        #expect(again.statistics.known == UInt64(source.records.count))
        #expect(again.statistics.commits == 0)
    }

    /// Seconds that are long past come as fast as they can be read; no commit has too many.
    @Test func aCommitHasSoManySeconds() throws {
        let test = try Self.repository(seed: 301)
        let source = RecordedSource(test.random, seconds: 900, busy: 3)
        let recorder = try test.recorder {
            $0.commitSeconds = 100
            $0.flushSeconds = 1_000_000
        }
        recorder.begin(source: "changes")
        for start in stride(from: 0, to: source.records.count, by: 7) {
            try recorder.append(
                try source.batch(start..<min(start + 7, source.records.count)))
        }
        try recorder.finish()
        let repository = try test.reopened()
        let commits = try repository.history(of: "orders").commits
        let counts = commits.map(\.logical.checkpoints.count)
        #expect(counts.reduce(0, +) > 400)
        #expect(counts.allSatisfy { $0 <= 107 } && counts.max() ?? 0 > 90)
        try source.model.check(repository, name: "orders", schema: source.schema)
    }

    @Test func aFullCopyBeginsARange() throws {
        let test = try TestRepository(seed: 300)
        test.time.advance(seconds: 100_000)
        var table = TestTable()
        table.add(50, test.random, largeEvery: 10)
        try test.backUp(table, at: 0)
        let source = RecordedSource(test.random, seconds: 30, first: table.rows)
        let recorder = try test.recorder()
        try recorder.feed(source, test.random, time: test.time)
        #expect(recorder.takeRejected() == nil)
        let repository = try test.reopened()
        try source.model.check(repository, name: "orders", schema: table.schema)
        let ranges = try repository.history(of: "orders").ranges
        #expect(ranges.map(\.isExactAtCheckpointsOnly) == [true, false])
        // What is older than the copy is covered by it.
        let older = try source.batch(0..<1)
        var early = ChangeBatch()
        early.changes.rows.append(older.changes.rows, 0..<1)
        early.changes.stamps = [
            ChangeStamp(
                time: TestRepository.instant(-5).microseconds, sequence: 0, kind: .put)
        ]
        early.before = [.untold]
        early.itemHashes = [.zero]
        early.itemSizes = [0]
        early.ends = [10]
        try recorder.append(early)
        #expect(recorder.statistics.covered == 1)
        #expect(!recorder.isClosed)
    }
}
