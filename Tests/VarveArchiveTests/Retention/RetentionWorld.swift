import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Days of history with a few changes an hour.
final class RetentionWorld {
    let history: RecordedHistory
    let memory: MemoryStore
    let time: ManualTime
    private let largeEvery: Int
    private var opened: UInt64 = 0

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

    /// The clock, in seconds of the test.
    var clock: Int64 { end + 5 }

    func setClock() {
        history.test.time.set((TestRepository.start + clock) * 1_000_000)
        time.set((TestRepository.start + clock) * 1_000_000)
    }

    /// - Parameter hours: that a commit is of.
    func extend(days: Int, every hours: Int = 2) throws {
        let random = history.test.random
        let changes = RandomChanges(random, keys: 20, largeEvery: largeEvery)
        let length = hours * 3_600
        for _ in 0..<(days * 24 / hours) {
            var seconds = Array(repeating: [HistoryModel.Version](), count: length)
            for _ in 0..<3 {
                let second = Int(random.next() % UInt64(length))
                seconds[second] = changes.second(end + Int64(second), count: 2)
            }
            try history.commit(seconds)
        }
        setClock()
    }

    func open(_ store: (any ObjectStore)? = nil) throws -> Repository {
        opened += 1
        return try Repository.open(
            store ?? memory,
            environment: TestRepository.environment(
                seed: 8 + opened, workers: 1, time: history.test.time))
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
