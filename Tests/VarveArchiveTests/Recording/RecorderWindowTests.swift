import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Records that come again beside a recorder that does not know that they are dropped, or in parts.
struct RecorderWindowTests {
    private static let key = Array("key".utf8) + [0, 1] as [UInt8]

    /// Puts of one key, half a second into each second.
    private static func source(_ seconds: [Int64]) -> RecordedSource {
        RecordedSource(
            seconds.enumerated().map { number, second in
                HistoryModel.Version(
                    key: key, time: TestRepository.instant(second).microseconds + 500_000,
                    value: number % 2 == 0 ? [0] : [1, 1, 0x61, 5])
            }, seconds: Int(seconds.max() ?? 0) + 1)
    }

    /// Pruning moves the window beside a recorder: what comes from before it is covered, and closes
    /// nothing.
    @Test func whatIsOlderThanTheWindowIsCovered() throws {
        let test = try TestRepository(seed: 630)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        test.time.set(TestRepository.instant(200_020).microseconds)
        let source = Self.source([1, 100, 200_000, 200_010])
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        for index in 0..<4 {
            try recorder.append(try source.batch(index..<index + 1))
            try recorder.flush()
        }
        try recorder.finish()
        let history = try test.reopened().history(of: "orders")
        try test.repository.promise(
            RetentionRecord(written: test.repository.now(), days: 1), of: history.id)
        _ = try Pruning(try test.reopened()).run()
        let start = try #require(test.reopened().history(of: "orders").ranges.first?.from)
        #expect(start == TestRepository.instant(101))
        try recorder.append(try source.batch(0..<1))
        try recorder.flush()
        #expect(!recorder.isClosed && recorder.takeRejected() == nil)
        #expect(recorder.statistics.covered == 1)
        // What the window should have and has not is too late.
        try recorder.append(try Self.source([150_000]).batch(0..<1))
        try recorder.append(try Self.source([0]).batch(0..<1))
        try recorder.flush()
        #expect(recorder.isClosed && recorder.takeRejected()?.count == 1)
        #expect(recorder.head.soundTo == TestRepository.instant(150_000).microseconds)
        #expect(recorder.statistics.covered == 2)
    }

    /// A second was committed in parts; then a record of an earlier part comes again.
    @Test(arguments: 0..<6) func aRecordOfACommittedPartComesAgain(seed: UInt64) throws {
        let test = try RecorderTests.repository(seed: 640 + seed)
        var table = TestTable()
        table.add(120, test.random)
        let start = TestRepository.instant(3).microseconds
        let versions = table.sortedKeys.enumerated().map { number, key in
            HistoryModel.Version(
                key: key, time: start + (seed % 2 == 0 ? 0 : Int64(number) * 1_000),
                value: table.rows[key])
        }
        let source = RecordedSource(versions, seconds: 4)
        let recorder = try test.recorder { $0.pendingBytesMax = 4_000 }
        recorder.begin(source: "pipe", isLasting: false)
        var next = 0
        while next < source.records.count {
            let end = min(next + 10, source.records.count)
            try recorder.append(try source.batch(next..<end))
            let again = Int(test.random.next() % UInt64(end))
            try recorder.append(try source.batch(again..<again + 1))
            next = end
        }
        #expect(recorder.statistics.commits > 2)
        try recorder.finish()
        #expect(recorder.takeRejected()?.reasons == nil)
        #expect(recorder.statistics.recorded == UInt64(source.records.count))
        try source.model.check(
            try test.reopened(), name: "orders", schema: TestTable.schemas[0])
    }
}
