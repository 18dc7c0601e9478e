import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A history as it should be: the plainest model of it, for comparison.
///
/// `states[n]` is what the table holds at second n of the test: every change with a time before it.
struct HistoryModel {
    /// A change with a whole row; a removal if the value is nil.
    struct Version: Equatable {
        var key: [UInt8]
        /// Microseconds since 1970.
        var time: Int64
        var value: [UInt8]?
    }

    /// The states at second 0, 1, 2 …: one more than there are seconds of changes.
    private(set) var states: [[[UInt8]: [UInt8]]]
    /// Changes that changed something, by (time, order of arrival).
    private(set) var versions: [Version] = []
    /// Seconds at which there is a checkpoint, beside second 0.
    private(set) var changedSeconds: Set<Int64> = []

    init(_ first: [[UInt8]: [UInt8]] = [:]) { states = [first] }

    /// The state after the last change.
    var latest: [[UInt8]: [UInt8]] { states[states.count - 1] }
    var endSecond: Int64 { Int64(states.count) - 1 }

    /// Adds one second and its changes, in order.
    mutating func append(_ changes: [Version]) {
        var state = latest
        for change in changes where state[change.key] != change.value {
            state[change.key] = change.value
            versions.append(change)
            changedSeconds.insert(endSecond + 1)
        }
        states.append(state)
    }

    /// Rows of a state in one buffer.
    static func rows(_ state: [[UInt8]: [UInt8]]) -> RowBuffer {
        var rows = RowBuffer()
        for key in state.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let value = state[key] ?? []
            rows.append(key: key.raw, value: value.raw)
        }
        return rows
    }

    /// The checkpoint of a state.
    static func checkpoint(
        _ state: [[UInt8]: [UInt8]], _ instant: Instant, changes: Int, schema: KeySchema
    ) throws -> Checkpoint {
        let rows = rows(state)
        var bytes = 0
        for index in 0..<rows.count {
            bytes += try ItemMeasure.itemBytes(of: rows.value(index))
            bytes += try ItemMeasure.keyBytes(of: rows.key(index), KeyCodec(schema))
        }
        return Checkpoint(
            instant: instant, changes: UInt64(changes), items: UInt64(rows.count),
            bytes: UInt64(bytes), digest: ItemDigest.tableDigest(of: rows))
    }
}

/// Makes random changes of few keys, so that they are put, replaced, removed and put again.
struct RandomChanges {
    let random: SeededRandom
    let schema: KeySchema
    /// Keys that there may be.
    private(set) var pool: [[UInt8]] = []
    private(set) var values: [[UInt8]] = []

    /// - Parameter largeEvery: every so manieth value is outlined; 0: none.
    init(
        _ random: SeededRandom, schema: KeySchema = TestTable.schemas[0], keys: Int = 40,
        largeEvery: Int = 0, noise: Int = 0
    ) {
        self.random = random
        self.schema = schema
        var table = TestTable(schema: schema)
        table.add(keys, random)
        pool = table.sortedKeys
        var other = TestTable(schema: schema)
        other.add(max(8, keys), random, largeEvery: largeEvery, noise: noise)
        values = other.sortedKeys.map { other.rows[$0] ?? [] }
    }

    /// A whole number below `limit`.
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    /// Changes of one second, ascending in time; several may share a microsecond or a key.
    /// - Parameter second: of the test.
    func second(_ second: Int64, count: Int) -> [HistoryModel.Version] {
        let start = TestRepository.instant(second).microseconds
        let times = (0..<count).map { _ in
            start + Int64(below(4) == 0 ? below(3) * 400_000 : below(1_000_000))
        }
        // A quarter of the changes are of one hot key.
        return times.sorted().map { time in
            HistoryModel.Version(
                key: pool[below(4) == 0 ? 0 : below(pool.count)], time: time,
                value: below(3) == 0 ? nil : values[below(values.count)])
        }
    }
}

/// A table whose history was committed from known changes, beside the model of it.
final class RecordedHistory {
    let test: TestRepository
    let name: String
    let schema: KeySchema
    private(set) var model: HistoryModel
    private var publisher: CommitPublisher
    private let changes: RandomChanges

    /// Begins with the empty table at second 0.
    init(
        _ test: TestRepository, name: String = "orders", schema: KeySchema = TestTable.schemas[0],
        keys: Int = 40, largeEvery: Int = 0
    ) throws {
        self.test = test
        self.name = name
        self.schema = schema
        model = HistoryModel()
        changes = RandomChanges(test.random, schema: schema, keys: keys, largeEvery: largeEvery)
        let history = try test.repository.beginHistory(
            name: name, schema: schema, at: TestRepository.instant(0))
        publisher = CommitPublisher(test.repository, history: history)
    }

    /// Reads the chain's end anew, after another writer was at work.
    func reload() throws {
        publisher = CommitPublisher(
            test.repository, history: try test.repository.history(of: name))
    }

    /// Commits so many seconds of random changes as one commit.
    /// - Parameter busy: at most so many changes a second; every third second has none.
    @discardableResult
    func commit(seconds: Int, busy: Int = 6) throws -> CommitPublisher.Receipt {
        try commit((0..<seconds).map { offset in
            let count = changes.below(3) == 0 ? 0 : changes.below(busy + 1)
            return changes.second(model.endSecond + Int64(offset), count: count)
        })
    }

    /// Commits seconds of given changes as one commit.
    @discardableResult
    func commit(_ seconds: [[HistoryModel.Version]]) throws -> CommitPublisher.Receipt {
        let known = model.versions.count
        var checkpoints: [Checkpoint] = []
        for second in seconds {
            let before = model.versions.count
            model.append(second)
            if model.versions.count == before { continue }
            checkpoints.append(
                try HistoryModel.checkpoint(
                    model.latest, TestRepository.instant(model.endSecond),
                    changes: model.versions.count - before, schema: schema))
        }
        let last = try HistoryModel.checkpoint(
            model.latest, TestRepository.instant(model.endSecond), changes: 0, schema: schema)
        var content = CommitPublisher.Content(
            to: last.instant.microseconds, items: last.items, bytes: last.bytes,
            digest: last.digest)
        content.checkpoints = checkpoints
        content.changes = UInt64(model.versions.count - known)
        content.sourceKind = "test"
        return try publisher.publish(
            content, RecordedHistory.buffer(Array(model.versions[known...])))
    }

    /// Ends the range as a recorder does that cannot go on; a full copy, so many seconds later,
    /// begins another.
    func breakOff(seconds: Int, changes count: Int) throws {
        _ = try publisher.close(sourceKind: "test", sourcePosition: [])
        for _ in 1..<seconds { model.append([]) }
        model.append(changes.second(model.endSecond, count: count))
        let backup = try FullBackup(
            test.repository, history: try test.repository.history(of: name),
            request: FullBackup.Request(
                instant: TestRepository.instant(model.endSecond), force: true,
                sourceKind: "test"))
        do {
            var rows = HistoryModel.rows(model.latest)
            if rows.count > 0 { try backup.append(try backup.rowPreparer.prepare(&rows)) }
            _ = try backup.finish()
        } catch {
            backup.abandon()
            throw error
        }
        try reload()
    }

    /// Versions in (key, time, sequence) order.
    static func buffer(_ versions: [HistoryModel.Version]) -> ChangeBuffer {
        var result = ChangeBuffer()
        // Stable: changes of one key and time stay in order.
        let order = versions.indices.sorted { a, b in
            let (x, y) = (versions[a], versions[b])
            if x.key != y.key { return x.key.lexicographicallyPrecedes(y.key) }
            return (x.time, a) < (y.time, b)
        }
        var arrivals: [Int64: [Int]] = [:]
        for index in versions.indices { arrivals[versions[index].time, default: []].append(index) }
        for index in order {
            let version = versions[index]
            let value = version.value ?? []
            result.rows.append(key: version.key.raw, value: value.raw)
            let sequence = arrivals[version.time]?.firstIndex(of: index) ?? 0
            result.stamps.append(
                ChangeStamp(
                    time: version.time, sequence: UInt64(sequence),
                    kind: version.value == nil ? .tombstone : .put))
        }
        return result
    }

    /// Restores every second that changed and compares it, digest and all.
    func check(_ repository: Repository) throws {
        try model.check(repository, name: name, schema: schema)
    }
}

extension HistoryModel {
    /// Restores every checkpoint and compares it, digest and all.
    func check(_ repository: Repository, name: String, schema: KeySchema) throws {
        let history = try repository.history(of: name)
        var points = history.checkpoints()
        let recorded = Dictionary(
            try points.rest().map { ($0.instant.second - TestRepository.start, $0) },
            uniquingKeysWith: { $1 })
        #expect(
            Set(recorded.keys).union([0]) == changedSeconds.union([0]), "checkpoints of \(name)")
        for (second, checkpoint) in recorded.sorted(by: { $0.key < $1.key }) {
            guard states.indices.contains(Int(second)) else { continue }
            let state = states[Int(second)]
            let expected = try HistoryModel.checkpoint(
                state, checkpoint.instant, changes: Int(checkpoint.changes), schema: schema)
            #expect(checkpoint.digest.agrees(with: expected.digest), "second \(second)")
            #expect(checkpoint.items == expected.items, "second \(second)")
            #expect(checkpoint.bytes == expected.bytes, "second \(second)")
            #expect(
                try contents(repository, at: second, name: name) == state, "second \(second)")
        }
    }
}
