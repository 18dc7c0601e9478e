import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

/// One table while it is recorded: its recorder, and what is rejected of it.
final class TableRecording {
    let name: String
    let recorder: Recorder
    let id: TableID
    let record: TableRecord
    let isNew: Bool
    /// Whether what came last were the net changes of a window: what is behind it the next one
    /// tells, however late.
    var isFedByExports = false
    private let restamps: Bool
    private let schema: KeySchema
    private let rejects: TableRejects
    private let compaction: BackgroundCompaction
    private let tell: (RecordEvent) -> Void
    private var commitCount: UInt64 = 0
    private var checkpointCount: UInt64 = 0
    private var wasClosed: Bool
    /// The parcels handed out last: rejected changes are found in them as they came.
    private var recent: [(parcel: ChangeParcel, changes: TableChanges)] = []
    private var recentBytes = 0
    private static let recentBytesMax = 4 << 20
    private static let closed = RejectedChanges.Reason.closed.description

    init(
        _ recorder: Recorder, _ history: TableHistory, isNew: Bool, restamps: Bool,
        rejects: RejectsFile, compaction: BackgroundCompaction,
        tell: @escaping (RecordEvent) -> Void
    ) {
        name = history.record.name
        id = history.id
        record = history.record
        schema = history.record.keySchema
        self.recorder = recorder
        self.isNew = isNew
        self.restamps = restamps
        self.rejects = TableRejects(history.record.name, rejects, tell: tell)
        self.compaction = compaction
        self.tell = tell
        wasClosed = recorder.isClosed
        tell(.opened(table: name, isNew: isNew, head: recorder.head))
    }

    /// Takes a parcel's changes in.
    func take(_ changes: TableChanges, of parcel: ChangeParcel) throws {
        isFedByExports = false
        if recorder.isClosed {
            return try rejects.file(changes, of: parcel, because: Self.closed)
        }
        if restamps {
            let time = recorder.presentTime()
            for index in 0..<changes.batch.count { changes.batch.changes.stamps[index].time = time }
        }
        recent.append((parcel, changes))
        recentBytes += parcel.byteCount
        while recentBytes > Self.recentBytesMax, recent.count > 1 {
            recentBytes -= recent.removeFirst().parcel.byteCount
        }
        guard let count = changes.prefixCount else {
            try recorder.append(changes.batch)
            return try settle()
        }
        if count > 0 { try recorder.append(changes.prefix(count)) }
        try settle()
        let own = changes.rejected.first.flatMap { $0.index == count ? $0 : nil }
        if let first = own ?? parcel.unassigned.first { try close(because: first) }
        try rejects.file(changes, from: count, of: parcel, because: Self.closed)
    }

    /// A record that may be of this table cannot be recorded: the range ends.
    func close(because rejected: RejectedRecord) throws {
        if recorder.isClosed { return }
        try recorder.closeRange()
        try settle(reason: "\(rejected.place): \(rejected.reason)")
    }

    /// Tells of commits, and files what was rejected.
    func settle(reason: String? = nil) throws {
        let rejected = recorder.takeRejected()
        if recorder.statistics.commits > commitCount {
            let statistics = recorder.statistics
            compaction.committed(
                id, count: Int(statistics.commits - commitCount),
                checkpoints: Int(statistics.checkpoints - checkpointCount))
            (commitCount, checkpointCount) = (statistics.commits, statistics.checkpoints)
            tell(.committed(table: name, head: recorder.head, statistics: recorder.statistics))
        }
        if recorder.isClosed, !wasClosed {
            wasClosed = true
            let first = rejected?.reasons.first { $0 != .closed }
            var cause = reason ?? first?.description ?? "unknown"
            if isNew, first == .contradiction {
                cause +=
                    "; its history began with the empty table: if the table was not empty, back "
                    + "up a full copy first"
            }
            tell(.closed(table: name, head: recorder.head.restorable, reason: cause))
        }
        if let rejected { try file(rejected) }
    }

    /// Waits for the compaction, if it is far behind.
    func catchUp(giveUp isHurried: () throws -> Bool) throws {
        try compaction.catchUp(id, giveUp: isHurried)
    }

    // MARK: Rejects

    /// A change's key and time, to find it again.
    private struct Mark: Hashable {
        var key: [UInt8]
        var time: Int64
    }

    /// Files changes that the recorder could not record, as they came if they came not long ago.
    private func file(_ rejected: RejectedChanges) throws {
        var places: [Mark: (recent: Int, index: Int)] = [:]
        for (number, item) in recent.enumerated() {
            for index in 0..<item.changes.batch.count {
                places[Self.mark(item.changes.batch.changes, index)] = (number, index)
            }
        }
        var renderer = ChangeRecordRenderer(schema: schema)
        for index in 0..<rejected.count {
            let reason = rejected.reasons[index].description
            let follows = rejected.reasons[index] == .closed
            if let place = places[Self.mark(rejected.changes, index)] {
                let (parcel, changes) = recent[place.recent]
                try rejects.file(
                    parcel.place(place.index, of: changes), reason,
                    parcel.record(place.index, of: changes), follows: follows)
                continue
            }
            var text = ByteWriter(capacity: 1_024)
            try Self.render(rejected.changes, index, &renderer, to: &text)
            let position = rejected.positions[index]
            let file = position.name.split(separator: " ", maxSplits: 2).last.map(String.init)
            let place = SourcePlace(
                file: file ?? position.name, line: 0, byte: Int64(clamping: position.offset))
            try rejects.file(place, reason, text.takeBytes(), follows: follows)
        }
    }

    private static func mark(_ changes: borrowing ChangeBuffer, _ index: Int) -> Mark {
        Mark(key: changes.rows.keyBytes(index), time: changes.stamps[index].time)
    }

    private static func render(
        _ changes: borrowing ChangeBuffer, _ index: Int, _ renderer: inout ChangeRecordRenderer,
        to text: inout ByteWriter
    ) throws(VarveError) {
        let stamp = changes.stamps[index]
        let key = changes.rows.key(index)
        if stamp.kind == .put {
            try renderer.append(
                time: stamp.time, key: key, old: nil, new: changes.rows.value(index), to: &text)
        } else {
            try renderer.appendDeletion(time: stamp.time, key: key, to: &text)
        }
    }

    // MARK: -

    var report: TableRecordReport {
        TableRecordReport(
            table: name, id: id, isNew: isNew, statistics: recorder.statistics,
            head: recorder.head.restorable, rejectedCount: rejects.count,
            heldCount: recorder.pendingCount)
    }
}

extension TableChanges {
    /// The first changes alone.
    func prefix(_ count: Int) -> ChangeBatch {
        var result = ChangeBatch(capacity: 1 << 12)
        result.changes.rows.append(batch.changes.rows, 0..<count)
        result.changes.stamps = Array(batch.changes.stamps[..<count])
        result.before = Array(batch.before[..<count])
        result.itemHashes = Array(batch.itemHashes[..<count])
        result.itemSizes = Array(batch.itemSizes[..<count])
        result.ends = Array(batch.ends[..<count])
        return result
    }
}
