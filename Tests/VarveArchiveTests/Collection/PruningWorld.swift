import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A repository with one table beside a plain model of what it must hold.
final class PruningWorld {
    typealias Rows = [String: [UInt8]]

    let seed: UInt64
    let time: ManualTime
    let base: any ObjectStore
    let random: SeededRandom
    static let schema = KeySchema(partition: KeyAttribute(name: "p", type: .string))
    static let start = Instant(second: 1_750_000_000)!

    /// What each backup must restore to, by its name.
    var states: [String: Rows] = [:]
    var rows: Rows = [:]
    var keyCount = 600

    init(seed: UInt64, in store: (any ObjectStore)? = nil) throws {
        self.seed = seed
        time = ManualTime()
        random = SeededRandom(seed: seed)
        base = store ?? MemoryStore(clock: time)
        _ = try Repository.create(in: base, environment: environment, packBytes: 8192)
        _ = try open().makeTable(name: "T", schema: Self.schema, arn: "", serviceID: "")
    }

    /// A repository that is there.
    init(seed: UInt64, time: ManualTime, continuing store: any ObjectStore) {
        self.seed = seed
        self.time = time
        random = SeededRandom(seed: seed &+ 1_000_003)
        base = store
    }

    var environment: Repository.Environment {
        Repository.Environment(time: time, random: random, workers: 1, writer: "test")
    }

    func open(_ store: (any ObjectStore)? = nil) throws -> Repository {
        try Repository.open(store ?? base, environment: environment)
    }

    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    // MARK: Rows

    func value(bytes: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(count: 1)
        writer.append(text: "v")
        writer.append(1 as UInt8)
        let letters = (0..<bytes).map { _ in
            Character(UnicodeScalar(UInt8(97 + below(26))))
        }
        writer.append(text: String(letters))
        return writer.takeBytes()
    }

    /// Changes some rows, adds some, removes some.
    func change(_ count: Int, largeEvery: Int = 0) {
        for index in 0..<count {
            let key = "k\(10_000 + below(keyCount))"
            if below(5) == 0 {
                rows[key] = nil
            } else {
                rows[key] = value(bytes: largeEvery > 0 && index % largeEvery == 0 ? 20_000 : 300)
            }
        }
    }

    static func buffer(_ rows: Rows) -> RowBuffer {
        var buffer = RowBuffer()
        let sorted = rows.sorted { Array($0.key.utf8).order(Array($1.key.utf8)) < 0 }
        for (key, value) in sorted {
            buffer.append(key: Array(key.utf8).raw, value: value.raw)
        }
        return buffer
    }

    static func instant(_ minutes: Int) -> Instant {
        Instant(second: start.second + Int64(60 * minutes))!
    }

    // MARK: Operations

    @discardableResult
    func backup(
        _ name: String, minutes: Int, store: (any ObjectStore)? = nil, keepUntil: Int64? = nil
    ) throws -> BackupRecord {
        let rows = rows
        states[name] = rows
        time.advance(seconds: 60)
        let repository = try open(store)
        let history = try repository.history(of: "T")
        let backup = try FullBackup(
            repository, history: history,
            request: FullBackup.Request(
                instant: Self.instant(minutes), force: true, sourceKind: "test"))
        do {
            var buffer = Self.buffer(rows)
            if buffer.count > 0 { try backup.append(try backup.rowPreparer.prepare(&buffer)) }
            var record: BackupRecord?
            _ = try backup.finish { outcome in
                record = try repository.makeBackup(
                    history, name: name, checkpoint: outcome.checkpoint,
                    commitSequence: outcome.commitSequence, commitHash: outcome.commitHash,
                    keepUntil: keepUntil, source: "test")
            }
            return record!
        } catch {
            backup.abandon()
            throw error
        }
    }

    func forget(_ names: [String]) throws {
        let repository = try open()
        let history = try repository.history(of: "T")
        try repository.forget(
            history.id, history.backups.filter { names.contains($0.name) })
        for name in names { states[name] = nil }
    }

    @discardableResult
    func prune(
        grace: Int64 = 0, store: (any ObjectStore)? = nil, isDryRun: Bool = false
    ) throws -> PruningReport {
        time.advance(seconds: 60)
        return try Pruning(
            try open(store), Pruning.Request(grace: grace, isDryRun: isDryRun)
        ).run()
    }

    /// Lays the table out anew.
    func compact() throws {
        let repository = try open()
        let history = try repository.history(of: "T")
        try Compactor(repository).run(history.id, history.record, isForced: true)
    }

    /// Restores every backup and compares it with the model and the recorded digest.
    /// - Returns: what is wrong.
    func faults() throws -> [String] {
        let repository = try open()
        let history = try repository.history(of: "T")
        var faults: [String] = []
        let names = Set(history.backups.map(\.name))
        if names != Set(states.keys) {
            faults.append("backups \(names.symmetricDifference(states.keys).sorted())")
        }
        for backup in history.backups {
            do {
                let found = try Self.read(repository, history, backup)
                if found.rows != states[backup.name] { faults.append("\(backup.name): rows") }
                if found.digest != backup.digest { faults.append("\(backup.name): digest") }
            } catch {
                faults.append("\(backup.name): \(error)")
            }
        }
        // The states are proven above; what is left is everything beside them.
        return faults + repository.verify(VerificationOptions()).problems.map(\.description)
    }

    static func read(
        _ repository: Repository, _ history: TableHistory, _ backup: BackupRecord
    ) throws -> (rows: Rows, digest: Hash256) {
        let plan = try history.plan(at: backup.instant)
        let source = try repository.rows(plan, schema: schema)
        var rows: Rows = [:]
        var digest = Hash256.zero
        while let block = try source.nextBlock() {
            var whole = RowBuffer()
            try repository.expand(block, 0..<block.rows.count, into: &whole)
            for index in 0..<whole.count {
                digest = digest &+ whole.itemHash(index)
                rows[String(decoding: whole.keyBytes(index), as: UTF8.self)] =
                    whole.valueBytes(index)
            }
        }
        return (rows, digest)
    }

    func bytes(_ prefix: String) throws -> Int {
        try base.list(prefix).reduce(0) { $0 + $1.size }
    }
}
