import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A repository for tests: everything that it does repeats with the seed.
struct TestRepository {
    let store: any ObjectStore
    let repository: Repository
    let random: SeededRandom
    let time: ManualTime

    /// 2025-06-15T15:06:40Z: second 0 of the tests.
    static let start: Int64 = 1_750_000_000

    static func environment(
        seed: UInt64, workers: Int, time: ManualTime = ManualTime()
    ) -> Repository.Environment {
        Repository.Environment(
            time: time, random: SeededRandom(seed: seed &+ 77), workers: workers, writer: "test 1")
    }

    init(
        seed: UInt64, workers: Int = 1, packBytes: UInt64 = 1 << 16,
        store: (any ObjectStore)? = nil
    ) throws {
        let time = ManualTime()
        self.time = time
        random = SeededRandom(seed: seed)
        self.store = store ?? MemoryStore(clock: time)
        repository = try Repository.create(
            in: self.store,
            environment: TestRepository.environment(seed: seed, workers: workers, time: time),
            packBytes: packBytes)
    }

    static func instant(_ second: Int64) -> Instant {
        guard let instant = Instant(second: start + second) else {
            preconditionFailure("a second beyond the year 9999")
        }
        return instant
    }

    /// Opens the repository anew, with nothing cached.
    func reopened(workers: Int = 1, seed: UInt64 = 5) throws -> Repository {
        try Repository.open(
            store,
            environment: TestRepository.environment(seed: seed, workers: workers, time: time))
    }

    @discardableResult
    func backUp(
        _ table: TestTable, at second: Int64, name: String = "orders", keep: Bool = true
    ) throws -> FullBackup.Outcome {
        try VarveArchiveTests.backUp(
            table, at: second, name: name, keep: keep, random, in: repository)
    }
}

/// Backs a table up, making the table at the first time.
@discardableResult
func backUp(
    _ table: TestTable, at second: Int64, name: String = "orders", keep: Bool = true,
    _ random: SeededRandom, in repository: Repository
) throws -> FullBackup.Outcome {
    let history: TableHistory
    if let (id, record) = try repository.newestTable(name) {
        history = try repository.history(id, record)
    } else {
        history = try repository.makeTable(
            name: name, schema: table.schema, arn: "", serviceID: "")
    }
    let backup = try FullBackup(
        repository, history: history,
        request: FullBackup.Request(
            instant: TestRepository.instant(second), force: true, sourceKind: "test"))
    let outcome: FullBackup.Outcome
    do {
        let preparer = backup.rowPreparer
        for block in table.blocks(random) {
            var rows = RowBuffer()
            rows.append(block.rows, 0..<block.rows.count)
            try backup.append(try preparer.prepare(&rows))
        }
        outcome = try backup.finish(naming: { outcome in
            if !keep { return }
            _ = try repository.makeBackup(
                history, name: "at-\(second)", checkpoint: outcome.checkpoint,
                commitSequence: outcome.commitSequence, commitHash: outcome.commitHash,
                keepUntil: nil, source: "test")
        })
    } catch {
        backup.abandon()
        throw error
    }
    return outcome
}

/// All rows of a state, expanded.
func contents(
    _ repository: Repository, at second: Int64, name: String = "orders"
) throws -> [[UInt8]: [UInt8]] {
    let history = try repository.history(of: name)
    let plan = try history.plan(at: TestRepository.instant(second))
    let source = try repository.rows(plan, schema: history.record.keySchema)
    var result: [[UInt8]: [UInt8]] = [:]
    var last: [UInt8] = []
    while let block = try source.nextBlock() {
        var whole = RowBuffer()
        try repository.expand(block, 0..<block.rows.count, into: &whole)
        for index in 0..<whole.count {
            let key = whole.keyBytes(index)
            #expect(last.lexicographicallyPrecedes(key))
            last = key
            result[key] = whole.valueBytes(index)
        }
    }
    return result
}


extension MemoryStore {
    /// Name and bytes of every object.
    func everything() throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for entry in try list("") { result[entry.name] = try read(entry.name) }
        return result
    }
}
