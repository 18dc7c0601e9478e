import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What a source tells: changes in the order in which they come, and the history that they make.
struct RecordedSource {
    struct Record {
        var version: HistoryModel.Version
        var before: ChangeBatch.Before
    }

    let schema: KeySchema
    private(set) var records: [Record] = []
    private(set) var model: HistoryModel

    /// Random changes of seconds 0 up to `seconds`.
    /// - Parameters:
    ///   - lateness: records come at most so many seconds late.
    ///   - first: the state at second 0.
    ///   - busy: at most so many changes a second; every third second has none.
    init(
        _ random: SeededRandom, schema: KeySchema = TestTable.schemas[0], seconds: Int,
        lateness: Int64 = 0, busy: Int = 8, keys: Int = 30, largeEvery: Int = 0,
        noise: Int = 0, onlyWholeSeconds: Bool = false, first: [[UInt8]: [UInt8]] = [:]
    ) {
        self.schema = schema
        let source = RandomChanges(
            random, schema: schema, keys: keys, largeEvery: largeEvery, noise: noise)
        var arrivals: [(time: Int64, version: HistoryModel.Version)] = []
        for second in 0..<seconds {
            let count = source.below(3) == 0 ? 0 : source.below(busy + 1)
            for version in source.second(Int64(second), count: count) {
                // At most as late as to come before its second is sealed.
                let delay = lateness > 0 ? Int64(source.below(Int(lateness) * 1_000_000)) : 0
                var told = version
                // A source that knows whole seconds only.
                if onlyWholeSeconds || lateness == 0 && source.below(2) == 0 {
                    told.time -= version.time % 1_000_000
                }
                arrivals.append((version.time + delay, told))
            }
        }
        arrivals = arrivals.enumerated()
            .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
        model = HistoryModel(first)
        fill(arrivals.map(\.version), seconds: seconds)
    }

    /// Given changes, in the order in which they come.
    init(
        _ versions: [HistoryModel.Version], schema: KeySchema = TestTable.schemas[0],
        seconds: Int, first: [[UInt8]: [UInt8]] = [:]
    ) {
        self.schema = schema
        model = HistoryModel(first)
        fill(versions, seconds: seconds)
    }

    private mutating func fill(_ versions: [HistoryModel.Version], seconds: Int) {
        let order = versions.indices.sorted { (versions[$0].time, $0) < (versions[$1].time, $1) }
        var before = [ChangeBatch.Before](repeating: .untold, count: versions.count)
        var state = model.latest
        var bySecond = [[HistoryModel.Version]](repeating: [], count: seconds)
        for index in order {
            let version = versions[index]
            let old = state[version.key]
            // Every seventh does not tell what was there.
            if index % 7 != 3 {
                before[index] = old.map { .item(Self.hash(version.key, $0)) } ?? .absent
            }
            state[version.key] = version.value
            let second = Int(version.time / 1_000_000 - TestRepository.start)
            bySecond[second].append(version)
        }
        for changes in bySecond { model.append(changes) }
        records = versions.indices.map { Record(version: versions[$0], before: before[$0]) }
    }

    static func hash(_ key: [UInt8], _ value: [UInt8]) -> Hash256 {
        var rows = RowBuffer(capacity: 64)
        rows.append(key: key.raw, value: value.raw)
        return rows.itemHash(0)
    }

    /// Some records as a parser hands them over; each takes ten bytes of the source.
    func batch(_ range: Range<Int>) throws -> ChangeBatch {
        var batch = ChangeBatch()
        let codec = KeyCodec(schema)
        for index in range {
            let version = records[index].version
            let value = version.value ?? []
            batch.changes.rows.append(key: version.key.raw, value: value.raw)
            batch.changes.stamps.append(
                ChangeStamp(
                    time: version.time, sequence: 0,
                    kind: version.value == nil ? .tombstone : .put))
            // Every seventh does not tell what was there.
            batch.before.append(records[index].before)
            batch.ends.append(UInt64(index + 1) * 10)
            guard version.value != nil else {
                batch.itemHashes.append(.zero)
                batch.itemSizes.append(0)
                continue
            }
            batch.itemHashes.append(Self.hash(version.key, value))
            let size = try ItemMeasure.itemBytes(of: value.raw)
                + ItemMeasure.keyBytes(of: version.key.raw, codec)
            batch.itemSizes.append(UInt32(size))
        }
        return batch
    }

    /// Makes a record tell something else of the item before it.
    mutating func setBefore(_ before: ChangeBatch.Before, of index: Int) {
        records[index].before = before
    }

    /// Puts another record before one.
    mutating func insert(_ record: Record, at index: Int) { records.insert(record, at: index) }

    /// The record whose contents begin at an offset.
    static func index(at offset: UInt64) -> Int { Int(offset / 10) }
}

extension Recorder {
    /// Takes records of a source up to its end, in batches of random size; commits and ticks come
    /// at random.
    func feed(
        _ source: RecordedSource, from first: Int = 0, _ random: SeededRandom, time: ManualTime,
        batchMax: Int = 40
    ) throws {
        begin(source: "changes", at: UInt64(first) * 10)
        var next = first
        while next < source.records.count {
            let end = min(source.records.count, next + 1 + Int(random.next() % UInt64(batchMax)))
            try append(try source.batch(next..<end))
            next = end
            switch random.next() % 4 {
            case 0: try flush()
            case 1: time.advance(microseconds: Int64(random.next() % 900_000))
            default: break
            }
        }
        try finish()
    }
}

extension TestRepository {
    /// A recorder of a table; its head map is in memory unless said otherwise.
    func recorder(
        _ repository: Repository? = nil, name: String = "orders",
        heads: HeadMapPlace = .memory, lateness: Int64 = 0,
        _ change: (inout Recorder.Options) -> Void = { _ in }
    ) throws -> Recorder {
        let repository = repository ?? self.repository
        var options = Recorder.Options(sourceKind: "test")
        options.latenessSeconds = lateness
        change(&options)
        return try Recorder(
            repository, history: try repository.history(of: name), heads: heads, options: options)
    }
}
