import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// After a change that belongs before what is committed, that is in doubt.
struct RecorderDoubtTests {
    private static let backedUp: Int64 = 7

    private static func source(_ versions: [(key: String, time: Int64)]) -> RecordedSource {
        let start = TestRepository.instant(0).microseconds
        let last = versions.map(\.time).max() ?? 0
        return RecordedSource(
            versions.map { version in
                HistoryModel.Version(
                    key: Array(version.key.utf8) + [0, 1], time: start + version.time,
                    value: [0])
            }, seconds: Int(last / 1_000_000) + 1)
    }

    /// Changes half a second into the seconds 0 to 9, and a backup of second 7; then one comes of
    /// second 4.
    private static func scene(_ seed: UInt64) throws -> (TestRepository, HistoryModel) {
        let test = try TestRepository(seed: seed)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        let source = Self.source((0...9).map { ("key \($0)", Int64($0) * 1_000_000 + 500_000) })
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(try source.batch(0..<10))
        try recorder.flush()
        let history = try test.reopened().history(of: "orders")
        let at = TestRepository.instant(backedUp)
        let point = try #require(try history.checkpoint(at: at)?.whole)
        let origin = history.origin(of: at)
        _ = try test.repository.makeBackup(
            history, name: "seven", checkpoint: point, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
        // One that is known makes no doubt, wherever it belongs.
        try recorder.append(try source.batch(2..<3))
        let late = Self.source([("late", 6_100_000), ("later", 4_200_000)])
        try recorder.append(try late.batch(0..<2))
        try recorder.finish()
        #expect(recorder.isClosed)
        #expect(recorder.takeRejected()?.count == 3)
        #expect(recorder.head.restorable.to == TestRepository.instant(4).microseconds)
        try recorder.end()
        return (test, source.model)
    }

    /// What may be restored of the seconds up to `end`, and what not.
    private static func check(
        _ test: TestRepository, _ model: HistoryModel, good: Set<Int64>, through end: Int64,
        states: (Int64) -> [[UInt8]: [UInt8]], _ step: String
    ) throws {
        let repository = try test.reopened()
        let history = try repository.history(of: "orders")
        for second in 0...end {
            let at = TestRepository.instant(second)
            guard good.contains(second) else {
                let error = #expect(throws: VarveError.self, "\(step) \(second)") {
                    try history.soundPlan(at: at)
                }
                #expect(error?.code == .notFound)
                #expect(!history.ranges.contains { $0.from <= at && at <= $0.to })
                continue
            }
            _ = try history.soundPlan(at: at)
            #expect(
                try contents(repository, at: second) == states(second), "\(step) \(second)")
        }
        var listed = history.checkpoints()
        let seconds = try listed.rest().map { $0.instant.second - TestRepository.start }
        #expect(Set(seconds).isSubset(of: good), "\(step)")
        let random = try history.randomInstants(100, SeededRandom(seed: 1))
        #expect(Set(random.map { $0.second - TestRepository.start }).isSubset(of: good))
        #expect(try history.doubtfulCount() == history.checkpointCount() - seconds.count)
        #expect(try history.doubtfulCount() > 0)
        let backup = try history.backup(named: "seven")
        _ = try history.plan(of: backup)
        #expect(
            try contents(repository, at: backedUp) == model.states[Int(backedUp)], "\(step)")
        #expect(repository.verify(everything).problems == [], "\(step)")
    }

    @Test func secondsAfterTheLastGoodOneAreNotOffered() throws {
        let (test, model) = try Self.scene(592)
        let good = Set(Int64(0)...4)
        func check(_ step: String) throws {
            try Self.check(
                test, model, good: good, through: 12, states: { model.states[Int($0)] }, step)
            let history = try test.reopened().history(of: "orders")
            #expect(try history.latest?.instant == TestRepository.instant(4))
            #expect(try history.newestPlan().instant == TestRepository.instant(4))
            #expect(history.ranges.last?.isClosed == true)
        }
        try check("committed")
        let before = try #require(try test.repository.newestTable("orders"))
        try Compactor(try test.reopened()).run(before.id, before.record, isForced: true)
        try check("laid out")
        let error = #expect(throws: VarveError.self) {
            try test.reopened().history(of: "orders").soundPlan(at: TestRepository.instant(6))
        }
        #expect(error?.message.contains("\(TestRepository.instant(4))") == true)
    }

    /// A full copy begins a new range behind it; layouts and pruning keep what is in doubt.
    @Test func aLaterRangeDoesNotMakeItCertain() throws {
        let (test, model) = try Self.scene(593)
        var table = TestTable()
        table.add(5, test.random)
        try backUp(table, at: 20, test.random, in: try test.reopened())
        test.time.set(TestRepository.instant(30).microseconds)
        let recorder = try test.recorder(try test.reopened())
        let next = Self.source([("new", 21_500_000), ("newer", 23_500_000)])
        recorder.begin(source: "pipe", isLasting: false)
        try recorder.append(try next.batch(0..<2))
        try recorder.finish()
        #expect(!recorder.isClosed)
        try recorder.end()
        let good = Set(Int64(0)...4).union(20...24)
        func states(_ second: Int64) -> [[UInt8]: [UInt8]] {
            if second < 20 { return model.states[Int(second)] }
            var rows = table.rows
            for (index, key) in ["new", "newer"].enumerated() where second >= 22 + 2 * index {
                rows[Array(key.utf8) + [0, 1]] = [0]
            }
            return rows
        }
        try Self.check(test, model, good: good, through: 24, states: states, "committed")
        let known = try #require(try test.repository.newestTable("orders"))
        for _ in 0..<2 {
            try Compactor(try test.reopened()).run(known.id, known.record, isForced: true)
            try Self.check(test, model, good: good, through: 24, states: states, "laid out")
        }
        // Of a window that holds nothing of it only the backups stay; they are by name.
        try test.repository.promise(
            RetentionRecord(written: test.repository.now(), days: 1), of: known.id)
        test.time.set(TestRepository.instant(86_400 + 22).microseconds)
        for _ in 0..<2 {
            _ = try Pruning(try test.reopened(), Pruning.Request(allowsShrinking: true)).run()
            let history = try test.reopened().history(of: "orders")
            #expect(history.doubt(at: TestRepository.instant(Self.backedUp)) != nil)
            _ = try history.plan(of: try history.backup(named: "seven"))
            #expect(try history.latest?.instant == TestRepository.instant(24))
            #expect(try test.reopened().verify(everything).problems == [])
        }
    }
}
