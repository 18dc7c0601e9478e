public import VarveBytes
public import VarveFormat

/// The pieces that make up a state. Source: Spec 10, State at T.
public struct StatePlan: Sendable {
    /// The instant asked for.
    public var instant: Instant
    /// Changes with a time less than this count; microseconds.
    public var before: Int64
    /// What the runs build on; the empty tree if the table began empty.
    public var image: TreeReference
    /// From the oldest to the newest.
    public var runs: [Piece]
    /// What is recorded of the state: at `instant`, or at the last checkpoint before it if nothing
    /// changed in between. Of an unsealed tail, what its commit says.
    public var checkpoint: RecordedCheckpoint
    /// Whether it holds changes of a second that is not complete: then `instant` is only the end
    /// of that second, and no state is promised there yet.
    public var isUnsealed = false

    /// Stored bytes of all its pieces.
    public var storedBytes: UInt64 {
        runs.reduce(image.storedBytes) { $0.saturated(adding: $1.tree.storedBytes) }
    }
}

extension TableHistory {
    /// How to put together the state at an instant, as `plan(at:)`, if that is not in doubt: for
    /// whoever asks for an instant. Source: Spec 10, Doubt.
    /// - Throws: `notFound` if it is, naming the last good second; else as `plan(at:)`.
    public func soundPlan(at instant: Instant) throws(VarveError) -> StatePlan {
        if let doubt = doubt(at: instant) { throw inDoubt(instant, doubt) }
        return try plan(at: instant)
    }

    /// How to put together the state at an instant: of a checkpoint, or of any second in a range
    /// that is exact at every second. One that is in doubt is put together too, as backups of it
    /// want it. Source: Spec 10.
    /// - Throws: `notFound` if the state is not exactly known, naming the nearest instants that
    ///   are; `damaged` if its pieces, or pages of checkpoints, are missing.
    /// - Complexity: few pages of checkpoints; O(log pieces) for each run.
    public func plan(at instant: Instant) throws(VarveError) -> StatePlan {
        guard let checkpoint = try exactCheckpoint(for: instant) else {
            throw try notExact(instant)
        }
        let chain = try chain(to: instant.microseconds)
        return StatePlan(
            instant: instant, before: instant.microseconds, image: chain.image, runs: chain.runs,
            checkpoint: checkpoint)
    }

    /// How to put together the newest state: with the changes after the last checkpoint, if there
    /// are any.
    /// - Throws: `notFound` if there is none; `damaged` if a commit that may hold a newer one
    ///   cannot be read.
    public func newestPlan() throws(VarveError) -> StatePlan {
        let newest = try latest
        let known = newest.map { origin(of: $0.instant).sequence }
        let lost = damage.compactMap(\.lostCommit).max()
        if let lost, lost >= known ?? 0 {
            throw VarveError(
                .damaged,
                "commit \(lost) cannot be read, and may hold the newest state; "
                    + "choose a backup, and run 'varve verify'",
                at: "table \(record.name)")
        }
        guard let newest else {
            throw VarveError(
                damage.isEmpty ? .notFound : .damaged,
                "table \(record.name) has no state"
                    + (damage.isEmpty ? " yet; make a backup first" : damageHint))
        }
        guard let tail = tail(after: newest.instant), let end = Instant(sealing: tail.to - 1)
        else { return try plan(at: newest.instant) }
        let chain = try chain(to: tail.to)
        let checkpoint = RecordedCheckpoint(
            instant: end, changes: 0, items: tail.items, bytes: tail.bytes,
            digest: .whole(tail.digest))
        return StatePlan(
            instant: end, before: tail.to, image: chain.image, runs: chain.runs,
            checkpoint: checkpoint, isUnsealed: true)
    }

    /// What a commit says of the changes behind the last checkpoint whose second is not complete.
    private func tail(after instant: Instant) -> CommitRecord.Logical? {
        guard let end = commits.map(\.logical.to).max(), end > instant.microseconds,
            Instant(microseconds: end) == nil,
            // Then what is behind the last checkpoint is in doubt too.
            storedRanges.max(by: { $0.to < $1.to })?.soundTo == nil
        else { return nil }
        return commits.last { $0.logical.to == end }?.logical
    }

    /// Where the state of a backup is to be found.
    /// - Throws: `damaged` if the commit that it names is lost.
    public func plan(of backup: BackupRecord) throws(VarveError) -> StatePlan {
        let sequence = backup.commitSequence
        let isThere =
            sequence < layout?.nextSequence ?? 0
            || commits.contains { $0.logical.sequence == sequence }
        if !isThere {
            throw VarveError(
                .damaged,
                "backup \(backup.name) cannot be restored: its commit \(sequence) cannot be read; "
                    + "run 'varve verify', and copy the object back from a replica",
                at: ObjectName.commit(id, sequence: sequence).path)
        }
        let plan = try plan(at: backup.instant)
        let point = plan.checkpoint
        guard point.digest.agrees(with: backup.digest), point.items == backup.items else {
            throw VarveError(
                .damaged,
                "backup \(backup.name) records another state than the archive holds for "
                    + "\(backup.instant); run 'varve verify'",
                at: "table \(record.name)")
        }
        return plan
    }

    /// The checkpoint that has the state at an instant; nil if that is not exactly known.
    /// - Throws: `damaged` if pages of checkpoints are.
    public func exactCheckpoint(
        for instant: Instant
    ) throws(VarveError) -> RecordedCheckpoint? {
        guard let found = try checkpoint(upTo: instant) else { return nil }
        if found.instant == instant { return found }
        let range = storedRanges.last {
            !$0.isExactAtCheckpointsOnly && $0.from <= instant && instant <= $0.to
        }
        guard let range, found.instant >= range.from else { return nil }
        return found
    }

    /// The image and the runs after it that lead to a time.
    func chain(
        to time: Int64
    ) throws(VarveError) -> (image: TreeReference, runs: [Piece]) {
        var runs: [Piece] = []
        var wanted = time
        while true {
            if let image = image(at: wanted) { return (image.tree, runs.reversed()) }
            guard let run = run(over: wanted) else {
                throw VarveError(
                    .damaged,
                    "the archive has no piece for the state at \(Instant.text(wanted))"
                        + damageHint,
                    at: "table \(record.name)")
            }
            runs.append(run)
            wanted = run.from
        }
    }

    /// Place of the first piece that ends at a time or after it.
    private func place(endingFrom time: Int64) -> Int {
        var low = 0
        var high = piecesByEnd.count
        while low < high {
            let middle = (low + high) / 2
            if piecesByEnd[middle].to >= time { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The image of a time; of several the last.
    func image(at time: Int64) -> Piece? {
        piecesByEnd[place(endingFrom: time)...].prefix { $0.to == time }
            .last { $0.kind == .image }
    }

    /// The run that has the changes just before a time.
    func run(over time: Int64) -> Piece? {
        piecesByEnd[place(endingFrom: time)...].first { $0.kind == .run && $0.from < time }
    }

    private func notExact(_ instant: Instant) throws(VarveError) -> VarveError {
        let (before, after) = try nearest(instant)
        let nearest = [before, after].compactMap { $0?.description }.joined(separator: " and ")
        return VarveError(
            damage.isEmpty ? .notFound : .damaged,
            "the table's state at \(instant) is not recorded"
                + (nearest.isEmpty ? "" : "; the nearest instants that are: \(nearest)")
                + damageHint,
            at: "table \(record.name)")
    }

    /// For messages: that something may be missing because it is damaged.
    var damageHint: String {
        guard let first = damage.first else { return "" }
        let count = damage.count == 1 ? "" : " and \(damage.count - 1) more"
        return "; \(first.location ?? "an object of the table")\(count) cannot be read; "
            + "run 'varve verify', and 'varve repair' to mend it"
    }

    /// The nearest instants before and after one whose states are exactly known.
    func nearest(_ instant: Instant) throws(VarveError) -> (before: Instant?, after: Instant?) {
        let exact = ranges.filter { !$0.isExactAtCheckpointsOnly }
        var before: Instant?
        if let last = Instant(second: instant.second - 1) {
            before = try soundCheckpoint(upTo: last)?.instant
            if let end = exact.filter({ $0.from <= last }).map({ min($0.to, last) }).max() {
                before = max(before ?? end, end)
            }
        }
        var after = try soundCheckpoint(after: instant)?.instant
        if let next = Instant(second: instant.second + 1),
            let start = exact.filter({ $0.to >= next }).map({ max($0.from, next) }).min()
        {
            after = min(after ?? start, start)
        }
        return (before, after)
    }
}
