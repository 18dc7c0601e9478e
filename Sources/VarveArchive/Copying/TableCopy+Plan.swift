import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// What a replica lacks, and whether it can go on from where it is.

extension TableCopy {
    /// Commits that the source has covered and the target has not, from which on the target takes
    /// the source's layout.
    static let commitsMax = 256

    /// Reads both sides.
    /// - Throws: `damaged` if either cannot be read; `refused` if the target has gone its own way.
    func plan() throws -> Step {
        let from = try source.history(id, record)
        let found = try storedRecord()
        if let found, found.hash != record.hash {
            throw VarveError(
                .refused,
                "the target has made a table \(record.name) of its own; "
                    + "copy into another repository", at: ObjectName.table(id).path)
        }
        let to = try target.history(id, record)
        let retention = try missingRetention()
        var step = Step(
            from: from, to: to, isNew: found == nil, layout: nil, commits: [],
            settings: try missingSettings(), retention: retention ?? [], backups: [])
        try take(try missingLayout(from, to, keepsPromises: retention == nil), &step)
        if step.layout == nil, step.leftOut.contains(where: { !isTold($0, by: step.after) }),
            try retention != nil || firstLoss(from, to) == nil
        {
            try take(from.layout, &step)
        }
        return step
    }

    /// Works out what is to be brought with a layout, or without one.
    func take(_ layout: LayoutRecord?, _ step: inout Step) throws {
        let first = max(layout?.nextSequence ?? 0, step.to.nextSequence)
        step.layout = layout
        step.commits = step.from.commits.filter { $0.logical.sequence >= first }
        (step.backups, step.leftOut) = try missingBackups(step)
    }

    /// Whether the commit that a backup names has its checkpoint, or is covered. A backup of an
    /// instant that the source's layout covered when it was made may name a later commit.
    private func isTold(_ backup: BackupRecord, by commits: [CommitRecord]) -> Bool {
        let commit = commits.first { $0.logical.sequence == backup.commitSequence }
        return commit?.logical.checkpoints.contains { $0.instant == backup.instant } ?? true
    }

    private func storedRecord() throws(VarveError) -> TableRecord? {
        let name = ObjectName.table(id).path
        guard let bytes = try target.store.readIfPresent(name) else { return nil }
        return try TableRecord(sealed: bytes, name: name)
    }

    /// The source's layout, if the target cannot go on by commits alone: the source has freed some
    /// that it lacks.
    private func missingLayout(
        _ from: TableHistory, _ to: TableHistory, keepsPromises: Bool
    ) throws -> LayoutRecord? {
        let start = from.layout?.nextSequence ?? 0
        if to.nextSequence > from.nextSequence {
            throw diverged(
                "it has commits up to \(to.nextSequence - 1), and the source up to "
                    + (from.nextSequence == 0 ? "none" : "\(from.nextSequence - 1)"))
        }
        if to.nextSequence >= start {
            var expected = from.layout?.before ?? record.hash
            if to.nextSequence > start {
                let last = from.commits.first { $0.logical.sequence == to.nextSequence - 1 }
                expected = last?.hash ?? expected
            }
            if expected != to.head { throw diverged("its last commit is another one") }
            // What it has by commits stays so, until it is much.
            let covered = to.commits.count { $0.logical.sequence < start }
            if covered < Self.commitsMax { return nil }
            return try keepsPromises && firstLoss(from, to) != nil ? nil : from.layout
        }
        let lost = try lostOrigin(from, to)
        if request.isForced { return from.layout }
        if keepsPromises, let first = try firstLoss(from, to) {
            throw VarveError(
                .refused,
                "the source has dropped states of table \(record.name), from \(first) on, which "
                    + "the target's own retention keeps, and commits after them; copy more often, "
                    + "or give these states up with --force", at: "table \(record.name)")
        }
        if let lost {
            throw VarveError(
                .refused,
                "the source no longer has the state at \(lost), with which the target's "
                    + "history of table \(record.name) ends: nothing shows that it is the same "
                    + "history; if nobody wrote into the target, use --force",
                at: "table \(record.name)")
        }
        return from.layout
    }

    /// The commits between are gone: what layouts and backups still tell must agree.
    /// - Returns: the target's last instant, if nothing of the source tells of it.
    private func lostOrigin(_ from: TableHistory, _ to: TableHistory) throws -> Instant? {
        guard to.nextSequence > 0 else { return nil }
        let last = to.nextSequence - 1
        var told = from.layout?.ranges.filter { $0.lastSequence == last }.map(\.lastHash) ?? []
        told += from.backups.filter { $0.commitSequence == last }.map(\.commitHash)
        if told.contains(where: { $0 != to.head }) { throw diverged("its last commit is another") }
        guard let own = try to.latest else { return nil }
        guard let other = try from.exactCheckpoint(for: own.instant) else {
            return try told.isEmpty && !target.isMarked(to.head, of: id) ? own.instant : nil
        }
        let isEqual =
            own.digest.whole.map(other.digest.agrees) ?? (own.digest.low == other.digest.low)
        if !isEqual || own.items != other.items || own.bytes != other.bytes {
            throw diverged("its state at \(own.instant) is another")
        }
        return nil
    }

    /// The first instant that the target can restore and the source cannot.
    /// - Complexity: O(ranges), and the checkpoints of those that are exact at checkpoints only.
    private func firstLoss(_ from: TableHistory, _ to: TableHistory) throws -> Instant? {
        for range in to.ranges {
            if !range.isExactAtCheckpointsOnly {
                let isThere = from.storedRanges.contains {
                    !$0.isExactAtCheckpointsOnly && $0.from <= range.from && range.to <= $0.to
                }
                if !isThere { return range.from }
                continue
            }
            var points = to.checkpoints(from: range.from, through: range.to)
            while let point = try points.next() {
                if try from.exactCheckpoint(for: point.instant) == nil { return point.instant }
            }
        }
        return nil
    }

    private func diverged(_ how: String) -> VarveError {
        VarveError(
            .refused,
            "the target's history of table \(record.name) has gone its own way: \(how); "
                + "back up and record into the source alone, and copy into another repository",
            at: "table \(record.name)")
    }

    // MARK: Settings and backups

    private func missingSettings() throws -> [String] {
        let prefix = ObjectName.settingsPrefix(of: id)
        let there = Set(try target.store.list(prefix).map(\.name))
        return try source.store.list(prefix).map(\.name).filter { name in
            guard case .settings? = ObjectName(path: name) else { return false }
            return !there.contains(name)
        }
    }

    /// Retention records of the source that the target lacks; nil if the target's are its own.
    private func missingRetention() throws -> [String]? {
        let prefix = ObjectName.retentionPrefix(of: id)
        let own = try source.store.list(prefix).map(\.name)
        let there = try target.store.list(prefix).map(\.name)
        guard there.elementsEqual(own.prefix(there.count)) else { return nil }
        for name in there where try target.store.read(name) != source.store.read(name) {
            return nil
        }
        return Array(own.dropFirst(there.count))
    }

    /// Backups of the source that the target lacks and whose states it will have. An expired one
    /// would be gone with the next prune.
    private func missingBackups(
        _ step: Step
    ) throws -> (wanted: [BackupRecord], leftOut: [BackupRecord]) {
        let there = Set(step.to.backups.map(\.id))
        let expired = Set(
            source.expiredBackups(step.from, now: source.now()).map(\.id))
        let missing = step.from.backups.filter {
            !there.contains($0.id) && !expired.contains($0.id)
        }
        if step.layout != nil || missing.isEmpty { return (missing, []) }
        let after = TableHistory(
            id: id, record: record, layoutNumber: step.to.layoutNumber, layout: step.to.layout,
            commits: step.after, backups: [], blobs: target.blobs)
        var wanted: [BackupRecord] = []
        var leftOut: [BackupRecord] = []
        for backup in missing {
            if try isTold(backup, by: step.after) && after.holds(backup) {
                wanted.append(backup)
            } else {
                leftOut.append(backup)
            }
        }
        return (wanted, leftOut)
    }
}
