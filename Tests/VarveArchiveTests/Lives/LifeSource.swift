import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A table's own stream of changes, as a source tells it: in the order of arrival, by shards that
/// lag, with what was there before.
struct LifeSource {
    /// What happens to the table in a stretch of time.
    enum Kind: CaseIterable {
        case quiet, busy, hot, crowded, emptying
    }

    let schema: KeySchema
    /// Seconds that records may be late; with 0 they come in order of their seconds.
    let lateness: Int64
    /// Whether records come in the order of their times: then seconds may be committed in parts.
    let isOrdered: Bool
    /// Everything that was ever told.
    private(set) var log = RecordedSource([], seconds: 0)
    /// When each record comes, microseconds.
    private(set) var arrivals: [Int64] = []
    private var times: [KeyTime: Int] = [:]
    private let changes: RandomChanges
    private let hotMax: Int

    private struct KeyTime: Hashable {
        var key: [UInt8]
        var time: Int64
    }

    init(
        _ random: SeededRandom, schema: KeySchema, lateness: Int64, isOrdered: Bool,
        keys: Int, largeEvery: Int, hotMax: Int
    ) {
        self.schema = schema
        self.lateness = lateness
        self.isOrdered = isOrdered
        self.hotMax = hotMax
        log = RecordedSource([], schema: schema, seconds: 0)
        changes = RandomChanges(random, schema: schema, keys: keys, largeEvery: largeEvery)
    }

    var count: Int { log.records.count }
    func below(_ limit: Int) -> Int { changes.below(limit) }

    /// Whether nothing else has this record's key and time, or, where times may move within a
    /// second, its key and second: then sent twice it cannot mean something else.
    func isUnique(_ index: Int) -> Bool { times[keyTime(log.records[index].version)] == 1 }

    private func keyTime(_ version: HistoryModel.Version) -> KeyTime {
        KeyTime(
            key: version.key, time: isOrdered ? PlainTable.second(version.time) : version.time)
    }

    /// Lets the table live on.
    /// - Parameters:
    ///   - second: when it begins; later than all before.
    ///   - seconds: how long it takes at least.
    /// - Returns: the second behind it.
    mutating func live(
        _ kind: Kind, from second: Int64, seconds: Int, _ table: inout PlainTable
    ) throws -> Int64 {
        var told: [HistoryModel.Version] = []
        for offset in 0..<Int64(seconds) { told += versions(kind, second + offset, table.latest) }
        // The mean of what a source may do: it knows whole seconds only, of some records.
        let delays = (0..<4).map { _ in lateness > 0 ? Int64(below(Int(lateness) * 900_000)) : 0 }
        let isMixed = below(2) == 0
        var comes: [(time: Int64, version: HistoryModel.Version)] = told.map { version in
            let shard = Int(version.key.reduce(0) { $0 &+ $1 } % 4)
            var delay = delays[shard]
            if lateness > 0, isMixed { delay = Int64(below(Int(lateness) * 1_000_000)) }
            var told = version
            if !isOrdered, lateness == 0 || below(3) == 0, below(2) == 0 {
                told.time -= version.time % 1_000_000
            }
            return (version.time + delay, told)
        }
        comes = comes.enumerated()
            .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
        try add(comes.map(\.version), &table)
        arrivals += comes.map(\.time)
        return second + Int64(seconds)
    }

    private func versions(
        _ kind: Kind, _ second: Int64, _ state: PlainTable.State
    ) -> [HistoryModel.Version] {
        let start = TestRepository.instant(second).microseconds
        switch kind {
        case .quiet: return changes.second(second, count: below(3) == 0 ? 1 : 0)
        case .busy: return changes.second(second, count: below(3) == 0 ? 0 : below(7))
        case .crowded: return changes.second(second, count: 60 + below(100))
        case .hot:
            // One key, again and again, often at one time.
            let count = 20 + below(hotMax)
            let times = (0..<count).map { _ in
                start + Int64(below(2) == 0 ? below(4) * 200_000 : below(1_000_000))
            }
            return times.sorted().map { time in
                HistoryModel.Version(
                    key: changes.pool[1], time: time,
                    value: below(5) == 0 ? nil : changes.values[below(changes.values.count)])
            }
        case .emptying:
            let keys = state.keys.sorted { $0.lexicographicallyPrecedes($1) }
            return keys.enumerated().map { place, key in
                HistoryModel.Version(
                    key: key, time: start + Int64(place) * 900_000 / Int64(keys.count),
                    value: nil)
            }
        }
    }

    /// Puts records behind the log, with what was there before each.
    private mutating func add(
        _ versions: [HistoryModel.Version], _ table: inout PlainTable
    ) throws {
        let order = versions.indices.sorted { (versions[$0].time, $0) < (versions[$1].time, $1) }
        var before = [ChangeBatch.Before](repeating: .untold, count: versions.count)
        var state = table.latest
        for index in order {
            let version = versions[index]
            // Every seventh does not tell what was there.
            if index % 7 != 3 {
                before[index] = state[version.key]
                    .map { .item(RecordedSource.hash(version.key, $0)) } ?? .absent
            }
            state[version.key] = version.value
        }
        for index in versions.indices {
            let version = versions[index]
            times[keyTime(version), default: 0] += 1
            let record = RecordedSource.Record(version: version, before: before[index])
            log.insert(record, at: log.records.count)
        }
        try table.append(order.map { versions[$0] })
    }

    /// Makes a record tell what was not there before it.
    mutating func contradict(at index: Int) {
        log.setBefore(.item(sha256([1, 2, 3].raw)), of: index)
    }

    /// A change that the table never had.
    func stranger(at time: Int64) -> HistoryModel.Version {
        var other = TestTable(schema: schema)
        other.add(1, changes.random)
        return HistoryModel.Version(
            key: changes.pool[below(changes.pool.count)], time: time,
            value: other.rows.values.first)
    }

    /// A record out of the order, as it stands in a stream behind so many records.
    func batch(_ record: RecordedSource.Record, behind count: Int) throws -> ChangeBatch {
        var single = RecordedSource([], schema: schema, seconds: 0)
        single.insert(record, at: 0)
        var batch = try single.batch(0..<1)
        batch.ends[0] = UInt64(count) * 10
        return batch
    }
}
