import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A second within which a range ended is never completed if the range is closed, or if a full copy
/// follows; layouts keep its changes all the same. Source: Spec 09, Layout.
struct LeftTailTests {
    private static func key(_ name: String) -> [UInt8] { Array(name.utf8) + [0, 1] }

    /// Changes at times in microseconds of the test.
    private static func source(_ times: [Int64]) -> RecordedSource {
        let start = TestRepository.instant(0).microseconds
        return RecordedSource(
            times.map { time in
                HistoryModel.Version(key: key("key \(time)"), time: start + time, value: [0])
            }, seconds: Int((times.max() ?? 0) / 1_000_000) + 1)
    }

    private static func record(_ test: TestRepository, _ times: [Int64], _ name: String) throws {
        let recorder = try test.recorder(try test.reopened())
        for (index, time) in times.enumerated() {
            recorder.begin(source: "\(name) \(index)")
            try recorder.append(try source([time]).batch(0..<1))
            try recorder.flush()
        }
        try recorder.commitOpenSecond()
        #expect(recorder.takeRejected() == nil)
        #expect(recorder.statistics.commits == UInt64(times.count))
        try recorder.end()
    }

    @Test(arguments: [false, true]) func aLayoutHoldsIt(isClosed: Bool) throws {
        let test = try TestRepository(seed: 620)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        test.time.set(TestRepository.instant(50).microseconds)
        try Self.record(test, [200_000, 1_500_000, 2_300_000], "first")
        if isClosed {
            let recorder = try test.recorder(try test.reopened())
            try recorder.closeRange()
            try recorder.end()
        }
        var table = TestTable()
        table.add(5, test.random)
        try backUp(table, at: 5, keep: false, test.random, in: try test.reopened())
        try Self.record(test, [6_100_000, 7_200_000, 8_300_000], "second")
        func check(from first: Int64) throws {
            let repository = try test.reopened()
            let history = try repository.history(of: "orders")
            #expect(repository.verify(VerificationOptions(data: .all)).problems == [])
            let ranges = history.ranges.filter { !$0.isExactAtCheckpointsOnly }
            #expect(
                ranges.map { $0.from.second - TestRepository.start } == [first, 5])
            #expect(ranges.map { $0.to.second - TestRepository.start } == [2, 8])
            for second in first...2 {
                #expect(
                    try contents(repository, at: second).count == Int(second))
            }
            #expect(try contents(repository, at: 5) == table.rows)
            #expect(try contents(repository, at: 8).count == 7)
            var times: [Int64] = []
            try repository.versions(of: Self.key("key 2300000"), in: history) {
                if $0.isExact { times.append($0.time) }
            }
            #expect(times == [TestRepository.instant(2).microseconds + 300_000])
        }
        try check(from: 0)
        try compact(test.reopened(), isForced: true)
        let history = try test.reopened().history(of: "orders")
        let tail = TestRepository.instant(2).microseconds + 300_001
        #expect(history.layout?.pieces.contains { $0.kind == .run && $0.to == tail } == true)
        try check(from: 0)
        // The window begins before it.
        try test.repository.promise(
            RetentionRecord(written: test.repository.now(), days: 1), of: history.id)
        test.time.set(TestRepository.instant(86_401).microseconds)
        let report = try Pruning(try test.reopened()).run()
        #expect(report.tables[0].isLaidOut)
        try check(from: 1)
    }
}
