import VarveBytes
import VarveFormat

/// What retention keeps of a table's history: the beginning of the window, and the states before
/// it. Reads few pages of checkpoints. Source: Spec 10, Retention.
struct RetentionWindow {
    /// How far the clock may be ahead of the newest checkpoint before that counts; microseconds.
    private static let aheadMax: Int64 = 86_400_000_000

    /// From this state on everything stays; nil: everything does.
    var start: RecordedCheckpoint?
    /// States before `start` that stay, ascending.
    var kept: [RecordedCheckpoint] = []
    /// Why less is dropped than one might expect.
    var notes: [String] = []

    /// - Parameters:
    ///   - history: as far as a layout covers it, or would.
    ///   - newest: the newest checkpoint, covered or not.
    ///   - now: microseconds since 1970.
    ///   - allowsShrinking: the operator says that the clock is right, and that shorter records are
    ///     meant.
    ///   - spared: the window begins no later.
    init(
        _ history: TableHistory, _ policy: RetentionPolicy, newest: Instant, now: Int64,
        allowsShrinking: Bool, spared: Instant?
    ) throws(VarveError) {
        var policy = policy
        if policy.isShortened {
            if allowsShrinking, let newest = policy.newest {
                policy.records = [newest]
            } else {
                notes.append(
                    "the newest retention promises less than the one before; what that one "
                        + "promised stays, unless --allow-shrink is given")
            }
        }
        if policy.keepsEverything { return }
        guard let longest = policy.longest, let last = try history.latest,
            let oldest = try history.checkpoint(after: .least)
        else { return }
        var end = now
        let limit = newest.microseconds + Self.aheadMax
        if now > limit, !allowsShrinking {
            end = limit
            notes.append(
                "the clock says \(Self.text(now)), but the newest checkpoint is of "
                    + "\(newest): the window is counted from a day after that; "
                    + "if the clock is right, --allow-shrink counts from the clock")
        }
        // The newest state that is not in doubt stays; what says so may be beside the layout.
        let sound = min(newest, last.instant)
        try find(history, longest, end: end, oldest, sound, spared)
    }

    private static func text(_ time: Int64) -> String {
        Instant.text(time - time % 1_000_000)
    }

    private mutating func find(
        _ history: TableHistory, _ policy: RetentionRecord, end: Int64,
        _ oldest: RecordedCheckpoint, _ newest: Instant, _ spared: Instant?
    ) throws(VarveError) {
        let second = end / 1_000_000
        var begin = second - Int64(policy.days) * 86_400
        begin = min(begin, newest.second)
        if let spared { begin = min(begin, spared.second) }
        guard let instant = Instant(second: begin),
            let first = try history.checkpoint(upTo: instant), first.instant > oldest.instant
        else { return }
        start = first
        var found: [Instant: RecordedCheckpoint] = [:]
        let counts: [(RetentionCalendar.Period, UInt64)] = [
            (.hour, policy.hourly), (.day, policy.daily), (.week, policy.weekly),
            (.month, policy.monthly), (.year, policy.yearly),
        ]
        for (kind, count) in counts {
            let periods = RetentionCalendar.periods(
                kind, count, before: second, first: oldest.instant.second)
            for period in periods where period.upperBound < first.instant.second {
                guard let end = Instant(second: period.upperBound),
                    let state = try history.soundCheckpoint(upTo: end)
                else { continue }
                found[state.instant] = state
            }
        }
        for backup in history.backups where backup.instant < first.instant {
            found[backup.instant] = RecordedCheckpoint(
                instant: backup.instant, changes: 0, items: backup.items, bytes: backup.bytes,
                digest: .whole(backup.digest))
        }
        kept = found.values.filter { $0.instant < first.instant }
            .sorted { $0.instant < $1.instant }
    }
}
