import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What waits for the lateness at the end of a source, or when a recorder is stopped.
struct RecorderLatenessTests {
    /// Changes with times in microseconds of the test, in the order in which they come.
    private func source(_ times: [Int64]) -> RecordedSource {
        let start = TestRepository.instant(0).microseconds
        let versions = times.enumerated().map { number, time in
            HistoryModel.Version(
                key: Array("key \(number)".utf8) + [0, 1], time: start + time, value: [0])
        }
        let last = (times.max() ?? 0) / 1_000_000
        return RecordedSource(versions, seconds: Int(last) + 1)
    }

    private func scene() throws -> TestRepository {
        let test = try TestRepository(seed: 591)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        return test
    }

    enum Ending: CaseIterable, Sendable { case ofSource, stopped, flushed }

    /// A file that still grows: its last seconds are not sealed, however the run ends, and what
    /// comes to them later is recorded.
    @Test(arguments: Ending.allCases) func whatWaitsForTheLatenessStaysWithItsSource(
        ending: Ending
    ) throws {
        let test = try scene()
        let source = source([
            10_100_000, 13_200_000, 80_000_000, 81_100_000, 81_200_000, 80_500_000, 81_300_000,
        ])
        // Two seconds after the last record: seconds 10 and 13 are sealed, 80 and 81 are not.
        test.time.set(TestRepository.instant(83).microseconds)
        let first = try test.recorder(lateness: 60)
        first.begin(source: "changes")
        try first.append(try source.batch(0..<5))
        switch ending {
        case .ofSource: try first.finish()
        case .stopped: try first.commitOpenSecond()
        case .flushed: try first.flush()
        }
        #expect(first.statistics.recorded == 2 && first.pendingCount == 3)
        #expect(try #require(first.head.to) <= TestRepository.instant(23).microseconds)
        #expect(first.acknowledged == SourcePosition(name: "changes", offset: 20))
        try first.end()
        // The file has grown, by a record that comes late.
        let repository = try test.reopened()
        test.time.set(TestRepository.instant(142).microseconds)
        let second = try test.recorder(repository, lateness: 60)
        let position = try #require(second.acknowledged)
        second.begin(source: "changes", at: position.offset)
        try second.append(
            try source.batch(RecordedSource.index(at: position.offset)..<source.records.count))
        #expect(!second.isClosed)
        try second.finish()
        #expect(second.pendingCount == 0 && second.statistics.recorded == 5)
        #expect(second.takeRejected() == nil)
        try source.model.check(
            try test.reopened(), name: "orders", schema: TestTable.schemas[0])
    }

    /// By the clock a second is sealed when its end and the lateness are over, and not before.
    @Test func aSecondIsSealedWhenTheLatenessIsOver() throws {
        let test = try scene()
        let source = source([10_100_000])
        test.time.set(TestRepository.instant(71).microseconds - 1)
        let recorder = try test.recorder(lateness: 60)
        recorder.begin(source: "changes")
        try recorder.append(try source.batch(0..<1))
        try recorder.finish()
        #expect(recorder.statistics.recorded == 0 && recorder.pendingCount == 1)
        test.time.advance(microseconds: 1)
        try recorder.finish()
        #expect(recorder.statistics.recorded == 1 && recorder.pendingCount == 0)
    }
}
