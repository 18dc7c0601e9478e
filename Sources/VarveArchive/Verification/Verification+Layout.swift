import VarveBytes
import VarveFormat

// What a layout says of its ranges, pieces and checkpoints. Source: Spec 09, Layout.

extension Verification {
    /// Runs do not overlap, and hold a range that is exact at every second whole.
    func checkRuns(_ layout: LayoutRecord, _ name: String) {
        let runs = layout.pieces.filter { $0.kind == .run }
            .sorted { ($0.from, $0.to) < ($1.from, $1.to) }
        for (before, run) in zip(runs, runs.dropFirst()) where run.from < before.to {
            note(name, "its runs overlap at \(Instant.text(run.from))")
        }
        for range in layout.ranges {
            if range.lastSequence &+ 1 == layout.nextSequence, range.lastHash != layout.before {
                note(name, "the range up to \(range.to) ends with another commit than the layout")
            }
            if range.isExactAtCheckpointsOnly { continue }
            let (from, to) = (range.from.microseconds, range.to.microseconds)
            var reached = from
            for run in runs where run.to > from && run.from < to {
                if run.from < from || run.to > to && !range.endsWithin(run) {
                    note(name, "a run crosses the range up to \(range.to)")
                }
                if run.from <= reached { reached = max(reached, run.to) }
            }
            if reached < to {
                note(name, "no run holds what follows \(Instant.text(reached))")
            }
        }
    }

    /// Holds the checkpoints of a table, as they are read, to its ranges, pieces, commits and
    /// backups.
    func checkCheckpoints(_ place: Int) {
        let table = tables[place]
        let history = table.history
        var stretches = CountedStretch.all(of: history)
        var sought: Set<Int64> = []
        for range in history.layout?.ranges ?? [] {
            sought.formUnion([range.from.second, range.to.second])
        }
        for piece in history.layout?.pieces ?? [] where piece.kind == .image {
            sought.insert(TimeSums.second(piece.to))
        }
        sought.formUnion(history.backups.map(\.instant.second))
        var audit = CheckpointAudit(history.layout, covered: table.covered, sought: sought)
        if let root = history.layout?.checkpoints {
            spans = []
            audit.isWhole = checkSpans(root, .checkpointIndex) { (plain) throws(VarveError) in
                audit.add(try CheckpointLeaf(plain), &stretches)
            }
        }
        audit.finish()
        if let layout = history.layout {
            let name = ObjectName.layout(history.id, number: layout.number).path
            for fault in audit.faults { note(name, fault) }
            checkEnds(layout, audit, name)
            checkBackups(history, layout, audit)
            checkCovered(table.covered, layout, name)
        }
        for commit in history.commits where commit.logical.isExact {
            for point in commit.logical.checkpoints {
                audit.count(point.instant.second, point.changes, &stretches)
            }
        }
        if !audit.isWhole { return }
        for stretch in stretches where stretch.isMiscounted {
            note(
                stretch.object,
                "from \(Instant.text(stretch.from)) to \(Instant.text(stretch.to)) there are "
                    + "\(stretch.entries) changes; the checkpoints count \(stretch.counted)")
        }
        tables[place].stretches = stretches.filter { !$0.isMiscounted }
    }

    /// Ranges and images say of their instants what the checkpoints there say.
    private func checkEnds(_ layout: LayoutRecord, _ audit: CheckpointAudit, _ name: String) {
        if layout.checkpoints == nil { return }
        for range in layout.ranges {
            let end = audit.found[range.to.second]
            if let end, !end.isState(range.items, range.bytes, range.digest) {
                note(name, "the range up to \(range.to) has another state than its checkpoint")
            }
            if range.isExactAtCheckpointsOnly { continue }
            if audit.found[range.from.second] == nil {
                note(name, "the beginning of the range from \(range.from) is no checkpoint")
            }
        }
        for piece in layout.pieces where piece.kind == .image {
            guard let point = audit.found[TimeSums.second(piece.to)] else { continue }
            let low = UInt16(truncatingIfNeeded: piece.tree.digest.words.0)
            if point.items != piece.tree.entries || point.digestLow != low {
                note(name, "the image of \(Instant.text(piece.to)) is not its checkpoint's state")
            }
        }
    }

    /// The checkpoint pages tell of each backup what it says itself.
    private func checkBackups(
        _ history: TableHistory, _ layout: LayoutRecord, _ audit: CheckpointAudit
    ) {
        if layout.checkpoints == nil { return }
        for backup in history.backups where backup.commitSequence < layout.nextSequence {
            let point = audit.found[backup.instant.second]
            if let point, point.isState(backup.items, backup.bytes, backup.digest) { continue }
            note(
                ObjectName.backup(history.id, backup.id).path,
                "the checkpoint pages do not tell of its state at \(backup.instant)")
            spoil(backup.id, of: history.id)
        }
    }

    /// What a layout says of the commits that it covers, as far as they are still there.
    private func checkCovered(
        _ covered: [CommitRecord.Logical], _ layout: LayoutRecord, _ name: String
    ) {
        for commit in covered {
            for range in layout.ranges
            where range.lastSequence == commit.sequence && range.lastHash != commit.hash {
                note(name, "the range up to \(range.to) names another commit \(commit.sequence)")
            }
            guard commit.isExact, let range = layout.exactRange(holding: commit) else { continue }
            if !(range.firstSequence...range.lastSequence).contains(commit.sequence) {
                note(
                    name,
                    "the range up to \(range.to) says that its commits are "
                        + "\(range.firstSequence) to \(range.lastSequence); commit "
                        + "\(commit.sequence) lies in it")
            }
        }
    }
}

extension CheckpointRecord {
    /// Whether it tells of this state, as far as it does.
    func isState(_ items: UInt64, _ bytes: UInt64, _ digest: Hash256) -> Bool {
        self.items == items && self.bytes == bytes
            && digestLow == UInt16(truncatingIfNeeded: digest.words.0)
    }
}
