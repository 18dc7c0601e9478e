import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Ends of histories that move on though nothing changes. Source: Spec 10, Quiet tables.
struct RecorderQuietTests {
    private let test: TestRepository

    /// A table with some changes up to second 20; the clock stands at second 1,000.
    init() throws {
        test = try TestRepository(seed: 600)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        test.time.set(TestRepository.instant(1_000).microseconds)
    }

    private func source(_ seconds: Int) -> RecordedSource {
        RecordedSource(SeededRandom(seed: 601), seconds: seconds)
    }

    private func microseconds(_ second: Int64) -> Int64 {
        TestRepository.instant(second).microseconds
    }

    private func history() throws -> TableHistory {
        try test.reopened().history(of: "orders")
    }

    @Test func theRangeGoesOnAndTheStateStays() throws {
        let source = source(20)
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(source.batch(0..<source.records.count))
        try recorder.finish()
        let before = try history()
        let last = try #require(try before.latest)
        for second: Int64 in [100, 400, 400, 50] { try recorder.moveOn(to: microseconds(second)) }
        #expect(recorder.head.to == microseconds(400))
        #expect(recorder.statistics.commits == 3)
        try recorder.end()

        for isLaidOut in [false, true] {
            if isLaidOut { try compact(test.reopened(), isForced: true) }
            let history = try history()
            #expect(history.ranges.map(\.to) == [TestRepository.instant(400)])
            #expect(try history.latest?.instant == last.instant)
            for second: Int64 in [60, 100, 250, 400] {
                let plan = try history.plan(at: TestRepository.instant(second))
                #expect(plan.checkpoint.instant == last.instant)
                #expect(try contents(test.reopened(), at: second) == source.model.latest)
            }
            #expect(throws: VarveError.self) {
                try history.plan(at: TestRepository.instant(401))
            }
            var options = VerificationOptions(data: .all, decodesPages: true)
            options.provesEverySecond = true
            #expect(try test.reopened().verify(options).problems == [])
        }
    }

    @Test func changesGoOnBehindIt() throws {
        let source = source(40)
        let split = try #require(
            source.records.firstIndex { $0.version.time >= microseconds(20) })
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(source.batch(0..<split))
        // What is held is not passed over.
        #expect(recorder.pendingCount > 0)
        try recorder.moveOn(to: microseconds(20))
        #expect((recorder.head.to ?? .max) < microseconds(20))
        try recorder.finish()
        try recorder.moveOn(to: microseconds(20))
        #expect(recorder.head.to == microseconds(20))
        try recorder.append(source.batch(split..<source.records.count))
        try recorder.finish()
        #expect(recorder.takeRejected() == nil)
        try recorder.end()
        let end = try #require(try history().latest).instant.second
        let second = end - TestRepository.instant(0).second
        #expect(try contents(test.reopened(), at: second) == source.model.latest)
    }

    @Test func aChangeThatComesAfterAllTakesThePromiseBack() throws {
        let source = source(40)
        let split = try #require(source.records.firstIndex { $0.version.time >= microseconds(20) })
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(source.batch(0..<split))
        try recorder.finish()
        try recorder.moveOn(to: microseconds(300))
        try recorder.append(source.batch(split..<source.records.count))
        try recorder.flush()
        #expect(recorder.isClosed)
        // Those that would change nothing are passed over.
        let rejected = try #require(recorder.takeRejected())
        #expect(rejected.count > 10)
        let first = try #require(rejected.changes.stamps.map(\.time).min())
        try recorder.moveOn(to: microseconds(500))
        #expect(recorder.head.to == microseconds(300))
        try recorder.end()
        // The last good second is the one before it.
        let end = try #require(try history().ranges.last?.to)
        #expect(end.second == first / 1_000_000)
    }

    @Test func aSecondThatIsNotCompleteIsCompletedByIt() throws {
        let source = source(3)
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(source.batch(0..<source.records.count))
        try recorder.commitOpenSecond()
        #expect((recorder.head.to ?? 0) % 1_000_000 != 0)
        try recorder.moveOn(to: microseconds(90))
        try recorder.end()
        let history = try history()
        let last = try #require(try history.latest)
        let time = try #require(source.records.map(\.version.time).max())
        #expect(last.instant.second == time / 1_000_000 + 1)
        #expect(try test.reopened().verify().problems == [])
    }
}
