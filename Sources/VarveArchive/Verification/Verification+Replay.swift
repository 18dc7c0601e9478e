import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Every second: all changes are replayed, and each checkpoint held to what they come to.

extension Verification {
    /// Most checkpoints that are worked out at once: some 120 bytes each.
    static let seriesMax = 1 << 18

    /// Proves all states that checkpoints record.
    func replay() {
        guard options.provesEverySecond else { return }
        for table in tables {
            if isStopping { return }
            let name = "table \(table.history.record.name)"
            attempt(name) { try replay(table.history, name) }
        }
    }

    private func replay(_ history: TableHistory, _ name: String) throws {
        var walk = StateSeriesWalk(history, countMax: Self.seriesMax)
        var last: Instant?
        while let step = try walk.next() {
            if isStopping { return }
            switch step {
            case .gap(let instant, let error):
                note(error, "\(name), \(instant)")
            case .series(let series):
                try replay(series, history, name, after: last)
                last = series.checkpoints.last?.instant
            }
        }
        try replayTail(of: history, name)
    }

    /// Proves the newest state if it has changes of a second that is not complete, and so no
    /// checkpoint. Source: Spec 10, Sealed.
    private func replayTail(of history: TableHistory, _ name: String) throws {
        if history.tailChanges == 0 || isStopping { return }
        let plan = try history.newestPlan()
        guard plan.isUnsealed else { return }
        let sums = try add(plan, history.record.keySchema)
        report.counts.statesReplayed += 1
        report.counts.rowsReplayed += sums.items
        if !sums.agree(with: plan.checkpoint) {
            note("\(name), latest", Self.contradiction(sums, plan.checkpoint))
        }
    }

    private static func contradiction(
        _ sums: StateSums, _ point: RecordedCheckpoint
    ) -> String {
        "the changes lead to \(sums.items) items of \(sums.bytes) bytes with the digest "
            + "\(sums.digest); recorded are \(point.items), \(point.bytes) and "
            + point.digest.text
    }

    /// - Parameter known: the last checkpoint that the series before it had.
    private func replay(
        _ series: StateSeries, _ history: TableHistory, _ name: String, after known: Instant?
    ) throws {
        var wrong: (first: RecordedCheckpoint, found: StateSums, last: Instant, count: UInt64)?
        var replay = SeriesReplay(series, of: history, repository) { [self] in isStopping }
        do {
            try replay.run { point, sums in
                // An image's instant is in two series.
                if point.instant != known { report.counts.statesReplayed += 1 }
                let isRight = sums.agree(with: point)
                prove(history, point.instant, sums, isRight)
                if isRight { return }
                wrong = (
                    wrong?.first ?? point, wrong?.found ?? sums, point.instant,
                    (wrong?.count ?? 0) + 1
                )
            }
        } catch let error as VarveError {
            if error.code == .stopped, isStopping { return }
            note(error, "\(name), \(span(series))")
            for backup in history.backups where holds(series, backup) {
                spoil(backup.id, of: history.id)
            }
        }
        report.counts.rowsReplayed += replay.rows
        let done = series.checkpoints[series.checkpoints.count - 1].instant
        let all = history.storedRanges.last?.to ?? done
        let first = history.storedRanges.first?.from ?? done
        tell(
            .states, UInt64(clamping: done.second - first.second),
            of: UInt64(clamping: all.second - first.second))
        guard let wrong else { return }
        note(
            "\(name), \(wrong.first.instant)",
            Self.contradiction(wrong.found, wrong.first)
                + (wrong.count > 1
                    ? "; so with \(wrong.count) checkpoints up to \(wrong.last)" : ""))
    }

    private func span(_ series: StateSeries) -> String {
        let points = series.checkpoints
        return "\(points[0].instant) to \(points[points.count - 1].instant)"
    }

    private func holds(_ series: StateSeries, _ backup: BackupRecord) -> Bool {
        let points = series.checkpoints
        return points[0].instant <= backup.instant
            && backup.instant <= points[points.count - 1].instant
    }

    /// Says of the backups of an instant whether they are what the changes come to.
    private func prove(
        _ history: TableHistory, _ instant: Instant, _ sums: StateSums, _ isRight: Bool
    ) {
        var low = 0
        var high = history.backups.count
        while low < high {
            let middle = (low + high) / 2
            if history.backups[middle].instant < instant { low = middle + 1 } else { high = middle }
        }
        for backup in history.backups[low...].prefix(while: { $0.instant == instant }) {
            let isEqual =
                backup.digest == sums.digest && backup.items == sums.items
                && backup.bytes == sums.bytes
            judge(backup, of: history, isProven: isRight, isEqual: isEqual)
        }
    }
}
