import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Dropping recorded history: what is promised stays, second by second; the rest goes.
struct RetentionTests {
    /// Days of history with a few changes an hour.
    final class World {
        let history: RecordedHistory
        let memory: MemoryStore
        let time: ManualTime
        private let largeEvery: Int

        init(seed: UInt64, days: Int, largeEvery: Int = 0) throws {
            time = ManualTime()
            self.largeEvery = largeEvery
            memory = MemoryStore(clock: time)
            history = try RecordedHistory(
                try TestRepository(seed: seed, packBytes: 1 << 14, store: memory), keys: 20,
                largeEvery: largeEvery)
            try extend(days: days)
        }

        var end: Int64 { history.model.endSecond }

        func extend(days: Int) throws {
            let random = history.test.random
            let changes = RandomChanges(random, keys: 20, largeEvery: largeEvery)
            for _ in 0..<(days * 12) {
                var seconds = Array(repeating: [HistoryModel.Version](), count: 7_200)
                for _ in 0..<3 {
                    let second = Int(random.next() % 7_200)
                    seconds[second] = changes.second(end + Int64(second), count: 2)
                }
                try history.commit(seconds)
            }
            history.test.time.set((TestRepository.start + end + 5) * 1_000_000)
            time.set((TestRepository.start + end + 5) * 1_000_000)
        }

        func open(_ store: (any ObjectStore)? = nil) throws -> Repository {
            try Repository.open(
                store ?? memory,
                environment: TestRepository.environment(
                    seed: 8, workers: 1, time: history.test.time))
        }

        func promise(
            days: UInt64, hourly: UInt64 = 0, daily: UInt64 = 0, weekly: UInt64 = 0
        ) throws {
            let repository = try open()
            try repository.promise(
                RetentionRecord(
                    written: repository.now(), days: days, hourly: hourly, daily: daily,
                    weekly: weekly),
                of: try repository.history(of: "orders").id)
        }

        @discardableResult
        func prune(
            _ store: (any ObjectStore)? = nil, isDryRun: Bool = false, shrinks: Bool = false
        ) throws -> PruningReport.Table {
            try #require(
                try Pruning(
                    try open(store),
                    Pruning.Request(grace: 0, isDryRun: isDryRun, allowsShrinking: shrinks)
                ).run().tables.first)
        }

        /// Restores a second and compares it with the model.
        func isExact(_ repository: Repository, _ history: TableHistory, _ second: Int64) throws
            -> Bool
        {
            let instant = TestRepository.instant(second)
            let plan: StatePlan
            do throws(VarveError) {
                plan = try history.plan(at: instant)
            } catch {
                guard error.code == .notFound else { throw error }
                return false
            }
            let found = try Self.read(repository, plan, history.record.keySchema)
            let expected = self.history.model.states[Int(second)]
            #expect(found == expected, "second \(second)")
            return true
        }

        static func read(
            _ repository: Repository, _ plan: StatePlan, _ schema: KeySchema
        ) throws -> [[UInt8]: [UInt8]] {
            let source = try repository.rows(plan, schema: schema)
            var result: [[UInt8]: [UInt8]] = [:]
            var digest = Hash256.zero
            while let block = try source.nextBlock() {
                var whole = RowBuffer()
                try repository.expand(block, 0..<block.rows.count, into: &whole)
                for index in 0..<whole.count {
                    result[whole.keyBytes(index)] = whole.valueBytes(index)
                    digest = digest &+ whole.itemHash(index)
                }
            }
            #expect(plan.checkpoint.digest.agrees(with: digest))
            return result
        }

        /// Every second from `window` on is exact, so are the states of `kept`, and no other
        /// checkpoint of before is.
        func check(
            _ store: (any ObjectStore)? = nil, window: Int64, kept: Set<Int64>,
            _ label: Comment = ""
        ) throws {
            let repository = try open(store)
            let now = try repository.history(of: "orders")
            let changed = history.model.changedSeconds.union([0])
            for second in changed.union([window]).sorted() where second >= window {
                #expect(try isExact(repository, now, second), "second \(second), \(label)")
                if second > window {
                    #expect(try isExact(repository, now, second - 1), "second \(second) − 1")
                }
            }
            // The window begins at the last checkpoint before it.
            let start = changed.filter { $0 <= window }.max() ?? 0
            for second in changed where second < start {
                let isThere = try isExact(repository, now, second)
                #expect(isThere == kept.contains(second), "second \(second), \(label)")
            }
        }

        /// The states that thinning by periods of so many seconds keeps.
        func thinned(_ count: Int, length: Int64, window: Int64) -> Set<Int64> {
            let changed = history.model.changedSeconds.union([0])
            let start = changed.filter { $0 <= window }.max() ?? 0
            var boundary = (TestRepository.start + end + 5 + length - 1) / length * length
            var result: Set<Int64> = []
            for _ in 0..<count {
                let second = boundary - TestRepository.start
                if second < start, let state = changed.filter({ $0 <= second }).max() {
                    result.insert(state)
                }
                boundary -= length
            }
            return result.filter { $0 < start }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func theWindowStays(seed: UInt64) throws {
        let world = try World(seed: seed, days: 5, largeEvery: seed == 3 ? 4 : 0)
        try world.promise(days: 2, hourly: 60, daily: 4)
        let window = world.end + 5 - 2 * 86_400
        let kept = world.thinned(60, length: 3_600, window: window)
            .union(world.thinned(4, length: 86_400, window: window))
        #expect(kept.count > 5)
        let before = try world.memory.everything().filter { $0.key.hasPrefix("tables/") }
        let dry = try world.prune(isDryRun: true)
        #expect(dry.isLaidOut && dry.statesAfter < dry.statesBefore)
        #expect(try world.memory.everything().filter { $0.key.hasPrefix("tables/") } == before)
        let report = try world.prune()
        #expect(report.isLaidOut)
        try world.check(window: window, kept: kept)
        #expect(try world.open().verify(VerificationOptions(data: .all)).problems == [])
        #expect(try !world.prune().isLaidOut)
        // Days pass, and it goes on.
        try world.history.reload()
        try world.extend(days: 2)
        try compact(world.open(), isForced: true)
        try world.prune()
        let next = world.end + 5 - 2 * 86_400
        try world.check(
            window: next,
            kept: world.thinned(60, length: 3_600, window: next)
                .union(world.thinned(4, length: 86_400, window: next)))
        #expect(try world.open().verify(VerificationOptions(data: .all)).problems == [])
    }

    @Test func withoutAPromiseNothingGoes() throws {
        let world = try World(seed: 5, days: 2)
        #expect(try !world.prune().isLaidOut)
        try world.check(window: 0, kept: [])
        let repository = try world.open()
        try repository.promise(
            RetentionRecord(written: 0), of: try repository.history(of: "orders").id)
        #expect(try !world.prune(shrinks: true).isLaidOut)
        try world.check(window: 0, kept: [])
    }

    @Test func aShorterPromiseMustBeMeant() throws {
        let world = try World(seed: 6, days: 4)
        try world.promise(days: 30)
        try world.promise(days: 1)
        let refused = try world.prune()
        #expect(!refused.isLaidOut && refused.notes.count == 1)
        try world.check(window: 0, kept: [])
        #expect(try world.prune(isDryRun: true, shrinks: true).isLaidOut)
        try world.check(window: 0, kept: [])
        #expect(try world.prune(shrinks: true).isLaidOut)
        try world.check(window: world.end + 5 - 86_400, kept: [])
        // It is agreed from now on.
        #expect(try world.prune().notes == [])
    }

    @Test func aClockThatIsFarAheadEndsNothing() throws {
        let world = try World(seed: 7, days: 4)
        try world.promise(days: 3)
        let changed = world.history.model.changedSeconds.sorted()
        let newest = try #require(changed.last)
        world.history.test.time.advance(seconds: 400 * 86_400)
        let report = try world.prune()
        #expect(report.notes.count == 1)
        try world.check(window: newest - 2 * 86_400, kept: [])
        try world.prune(shrinks: true)
        // The newest commit stays uncovered, and so does what it builds on.
        let last = try #require(changed.last { $0 <= world.end - 7_200 })
        try world.check(window: last, kept: [])
    }

    @Test func backupsOutliveTheirHistory() throws {
        let world = try World(seed: 8, days: 3)
        let repository = try world.open()
        let history = try repository.history(of: "orders")
        let instants = world.history.model.changedSeconds.sorted().prefix(20)
        let second = try #require(instants.last)
        let state = try HistoryModel.checkpoint(
            world.history.model.states[Int(second)], TestRepository.instant(second), changes: 0,
            schema: world.history.schema)
        let origin = history.origin(of: state.instant)
        _ = try repository.makeBackup(
            history, name: "old", checkpoint: state, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
        try world.promise(days: 1)
        try world.prune()
        try world.check(window: world.end + 5 - 86_400, kept: [second])
        let now = try world.open().history(of: "orders")
        try world.open().forget(now.id, now.backups)
        try world.prune()
        try world.check(window: world.end + 5 - 86_400, kept: [])
    }

    @Test func crashAfterEveryOperation() throws {
        let world = try World(seed: 9, days: 2, largeEvery: 5)
        try compact(world.open(), isForced: true)
        try world.promise(days: 1, hourly: 30)
        let window = world.end + 5 - 86_400
        let kept = world.thinned(30, length: 3_600, window: window)
        let counting = FaultyStore(world.memory.snapshot())
        try world.prune(counting)
        let operations = counting.operations.count
        #expect(operations > 30)
        for ordinal in stride(from: 0, to: operations, by: 3) {
            let copy = world.memory.snapshot()
            let store = FaultyStore(copy) { operation in
                operation.ordinal == ordinal ? .crash : nil
            }
            _ = try? world.prune(store)
            #expect(store.isCrashed)
            let repository = try world.open(copy)
            let now = try repository.history(of: "orders")
            for second in world.history.model.changedSeconds
            where second >= window || kept.contains(second) {
                #expect(try world.isExact(repository, now, second), "operation \(ordinal)")
            }
            try world.prune(copy)
            try world.check(copy, window: window, kept: kept, "operation \(ordinal)")
        }
    }

    /// A compaction runs before an operation of pruning, and pruning before one of compaction.
    @Test(arguments: [false, true]) func besideCompaction(pruneFirst: Bool) throws {
        let world = try World(seed: 10, days: 2)
        try world.promise(days: 1, hourly: 30)
        let window = world.end + 5 - 86_400
        let kept = world.thinned(30, length: 3_600, window: window)
        let box = Holder(world)
        var place = 0
        while true {
            let copy = world.memory.snapshot()
            let at = place
            let store = FaultyStore(copy) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do {
                        if pruneFirst {
                            try compact(try box.world.open(copy), isForced: true)
                        } else {
                            try box.world.prune(copy)
                        }
                    } catch { Issue.record("\(error)") }
                }
            }
            do {
                if pruneFirst {
                    try world.prune(store)
                } else {
                    try compact(try world.open(store), isForced: true)
                }
            } catch let error as VarveError {
                // Runs that another has replaced may be gone: a compaction that reads them tries
                // again later.
                #expect(!pruneFirst && error.code == .damaged, "\(error)")
            }
            try world.prune(copy)
            try world.check(copy, window: window, kept: kept, "operation \(place)")
            if store.operations.count <= at { break }
            place += 4
        }
        #expect(place > 20)
    }

    private final class Holder: @unchecked Sendable {
        let world: World
        init(_ world: World) { self.world = world }
    }

    // MARK: The calendar

    @Test func periodsAreThoseOfTheCalendar() throws {
        func text(_ range: Range<Int64>) -> String {
            "\(Instant(second: range.lowerBound)!) \(Instant(second: range.upperBound)!)"
        }
        let second = try Instant(parsing: "2024-02-29T10:00:00Z").second
        let expected: [(RetentionCalendar.Period, String)] = [
            (.hour, "2024-02-29T09:00:00Z 2024-02-29T10:00:00Z"),
            (.day, "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z"),
            (.week, "2024-02-26T00:00:00Z 2024-03-04T00:00:00Z"),
            (.month, "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"),
            (.year, "2024-01-01T00:00:00Z 2025-01-01T00:00:00Z"),
        ]
        for (period, range) in expected {
            #expect(text(RetentionCalendar.period(period, endingFrom: second)) == range)
        }
        let months = RetentionCalendar.periods(.month, 300, before: second, first: 0)
        #expect(months.count == 300)
        #expect(zip(months, months.dropFirst()).allSatisfy { $0.lowerBound == $1.upperBound })
        #expect(months.allSatisfy { (28...31).contains(($0.count) / 86_400) })
        let early = RetentionCalendar.period(.month, endingFrom: -1)
        #expect(text(early) == "1969-12-01T00:00:00Z 1970-01-01T00:00:00Z")
    }
}
