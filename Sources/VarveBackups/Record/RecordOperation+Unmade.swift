import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

// Tables that are new to the repository: where their history begins, and whether it does.

extension RecordOperation {
    /// A change whose time is farther ahead of the clock is not recorded.
    static let aheadSecondsMax: Int64 = 86_400

    /// Until here times are no more ahead of the clock than may be.
    private var aheadLimit: Int64 { repository.now() + Self.aheadSecondsMax * 1_000_000 }

    /// The instant at which a new table is empty; nil if it is not to be made.
    func beginning(of changes: TableChanges) throws -> Instant? {
        let stamps = changes.batch.changes.stamps
        // Changes behind one that is lost are not recorded, nor those of its second.
        let sound = stamps.prefix(changes.prefixCount ?? stamps.count).map(\.time)
        if sound.isEmpty { return nil }
        // Behind a beginning far ahead of the clock nothing could follow for long.
        let limit = aheadLimit
        let times = sound.filter { $0 <= limit }
        let least = times.min() ?? repository.now()
        let (second, last) = (Self.second(least), Self.second(times.max() ?? least))
        // Of several tables the others go on, and the next run behind them: that a change of this
        // one was lost must stay known, so it is made and closed.
        let hasLost = changes.prefixCount != nil || times.isEmpty
        if request.table != nil, hasLost, last - second <= request.latenessSeconds { return nil }
        guard let instant = Instant(second: second - request.latenessSeconds) else {
            throw VarveError(.invalidInput, "a change's time is before the year 1")
        }
        return instant
    }

    private static func second(_ time: Int64) -> Int64 {
        (time < 0 ? time - 999_999 : time) / 1_000_000
    }

    /// Files what came of a table that is not made, since nothing of it can be recorded.
    func rejectUnmade(_ changes: TableChanges, of parcel: ChangeParcel) throws {
        guard let name = changes.table ?? request.table else { return }
        if changes.batch.count == 0, changes.rejected.isEmpty { return }
        let isFirst = unmade[name] == nil
        let rejects = unmade[name] ?? TableRejects(name, rejects, tell: tell)
        unmade[name] = rejects
        unmadePlace = unmadePlace ?? (names.count - 1, parcelStart)
        var next = 0
        if isFirst, changes.prefixCount != 0, let stamp = changes.batch.changes.stamps.first,
            stamp.time > aheadLimit
        {
            try rejects.file(
                parcel.place(0, of: changes), RejectedChanges.Reason.ahead.description,
                parcel.record(0, of: changes))
            next = 1
        }
        try rejects.file(
            changes, from: next, of: parcel, because: RejectedChanges.Reason.closed.description)
    }

    /// Holds the changes of a window against the empty table that a history begins with.
    /// - Throws: `refused` if one has an old image; `invalidInput` as `forEach`.
    func checkBeginning(
        _ source: ChangeInput, _ window: ExportWindow, _ name: String
    ) throws {
        try forEach(source, window, name, isCounted: false) { batch in
            let contradiction = (0..<batch.count).first { index in
                if case .item = batch.before[index] { true } else { false }
            }
            guard let index = contradiction else { return }
            throw VarveError(
                .refused,
                "table \(name) is new to the repository, and this export does not begin with the "
                    + "empty table: its change of "
                    + Instant.text(batch.changes.stamps[index].time) + " has an old image; back "
                    + "up a full copy first, or record the exports before this one",
                at: source.path)
        }
    }
}
