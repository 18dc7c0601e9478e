public import VarveBytes
public import VarveFormat

/// What the archive records of one instant. Source: Spec 09, Commit.
public typealias Checkpoint = CommitRecord.Checkpoint
/// A stretch of time without a gap. Source: Spec 09, Layout; Spec 10.
public typealias RestorableRange = LayoutRecord.Range

/// All that the archive knows of one incarnation of a table, read at one moment: its record, its
/// ranges, pieces and checkpoints, and its backups.
///
/// A value: later commits do not change it. Opening costs one listing and at most one layout and
/// the commits after it (Spec 11, Order of reading).
public struct TableHistory: Sendable {
    public let id: TableID
    public let record: TableRecord
    /// Number of the newest layout, readable or not; 0 if there is none.
    public let layoutNumber: UInt64
    /// The newest layout that can be read.
    public let layout: LayoutRecord?
    /// Commits that the layout does not cover, by sequence.
    public let commits: [CommitRecord]
    /// Backups, by instant, then by name.
    public let backups: [BackupRecord]
    /// Checkpoints that the layout covers, ascending.
    public let coveredCheckpoints: [Checkpoint]

    /// What of the table cannot be read, or does not fit; the location names the object. Empty if
    /// the history was read for writing. Source: Spec 11, Damage.
    public internal(set) var damage: [VarveError] = []

    /// Sequence of the next commit.
    public var nextSequence: UInt64 {
        commits.last.map { $0.logical.sequence &+ 1 } ?? layout?.nextSequence ?? 0
    }

    /// Whether nothing but the table's record is there: a first backup did not come to its end.
    public var isEmpty: Bool {
        layoutNumber == 0 && commits.isEmpty && backups.isEmpty && damage.isEmpty
    }

    /// Hash of the last commit, or of the table record.
    public var head: Hash256 { commits.last?.hash ?? layout?.before ?? record.hash }

    /// The pieces of layout and commits.
    public var pieces: [Piece] {
        (layout?.pieces ?? []) + commits.flatMap(\.pieces)
    }

    /// Every checkpoint, ascending; of two with one instant the later commit's.
    public var checkpoints: [Checkpoint] {
        var byInstant: [Instant: Checkpoint] = [:]
        for checkpoint in coveredCheckpoints { byInstant[checkpoint.instant] = checkpoint }
        for commit in commits {
            for checkpoint in commit.logical.checkpoints {
                byInstant[checkpoint.instant] = checkpoint
            }
        }
        return byInstant.values.sorted { $0.instant < $1.instant }
    }

    /// The checkpoint with the greatest instant.
    public var latest: Checkpoint? { checkpoints.last }

    public func checkpoint(at instant: Instant) -> Checkpoint? {
        checkpoints.first { $0.instant == instant }
    }

    /// Which ranges can be restored, ascending. Source: Spec 10.
    public var ranges: [RestorableRange] {
        var result = layout?.ranges ?? []
        for commit in commits {
            guard let range = RestorableRange(of: commit) else { continue }
            let place = result.firstIndex {
                if $0.isClosed, $0.to == range.from { return false }
                return commit.logical.beginsRange
                    ? $0.from <= range.from && range.to <= $0.to : $0.to == range.from
            }
            if let place,
                result[place].isExactAtCheckpointsOnly == range.isExactAtCheckpointsOnly
            {
                result[place].extend(by: range)
            } else {
                result.append(range)
            }
        }
        return result.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    }
}

/// The pieces that make up a state. Source: Spec 10, State at T.
public struct StatePlan: Sendable {
    /// Changes with a time less than this count; microseconds.
    public var before: Int64
    /// What the runs build on; the empty tree if the table began empty.
    public var image: TreeReference
    /// From the oldest to the newest.
    public var runs: [Piece]
    public var checkpoint: Checkpoint

    /// Stored bytes of all its pieces.
    public var storedBytes: UInt64 {
        runs.reduce(image.storedBytes) { $0 + $1.tree.storedBytes }
    }
}

extension TableHistory {
    /// How to put together the state at a checkpoint.
    /// - Throws: `notFound` if there is no such checkpoint, naming the nearest; `damaged` if its
    ///   pieces are missing.
    public func plan(at instant: Instant) throws(VarveError) -> StatePlan {
        let all = checkpoints
        guard let checkpoint = all.first(where: { $0.instant == instant }) else {
            throw notExact(instant, all)
        }
        let pieces = self.pieces
        var runs: [Piece] = []
        var wanted = instant.microseconds
        while true {
            if let image = pieces.last(where: { $0.kind == .image && $0.to == wanted }) {
                return StatePlan(
                    before: instant.microseconds, image: image.tree, runs: runs.reversed(),
                    checkpoint: checkpoint)
            }
            guard
                let run = pieces.last(where: {
                    $0.kind == .run && $0.from < wanted && wanted <= $0.to
                })
            else {
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

    private func notExact(_ instant: Instant, _ all: [Checkpoint]) -> VarveError {
        let before = all.last { $0.instant < instant }
        let after = all.first { $0.instant > instant }
        let nearest = [before, after].compactMap { $0 }
            .map(\.instant.description).joined(separator: " and ")
        return VarveError(
            damage.isEmpty ? .notFound : .damaged,
            "the table's state at \(instant) is not recorded"
                + (nearest.isEmpty ? "" : "; the nearest instants that are: \(nearest)")
                + damageHint,
            at: "table \(record.name)")
    }

    /// For messages: that something may be missing because it is damaged.
    private var damageHint: String {
        guard let first = damage.first else { return "" }
        let count = damage.count == 1 ? "" : " and \(damage.count - 1) more"
        return "; \(first.location ?? "an object of the table")\(count) cannot be read; "
            + "run 'varve verify'"
    }

    /// Finds a backup by name, ARN, or the beginning of its id.
    /// - Throws: `notFound`, or `ambiguous` with the candidates.
    public func backup(named text: String) throws(VarveError) -> BackupRecord {
        var found = backups.filter { $0.name == text || ($0.arn == text && !text.isEmpty) }
        if found.isEmpty, text.count >= 2 {
            found = backups.filter { $0.id.description.hasPrefix(text.lowercased()) }
        }
        if found.count == 1 { return found[0] }
        if found.isEmpty {
            let known = backups.suffix(5).map(\.name).joined(separator: ", ")
            throw VarveError(
                .notFound,
                "no backup '\(text)' of table \(record.name)"
                    + (known.isEmpty ? "; it has none" : "; the newest are: \(known)")
                    + damageHint)
        }
        let candidates = found.map {
            "\($0.id.description.prefix(8)) \($0.name) (\($0.instant))"
        }
        throw VarveError(
            .ambiguous,
            "'\(text)' names \(found.count) backups of \(record.name); use an id: "
                + candidates.joined(separator: ", "))
    }
}

extension TableHistory {
    /// The newest state.
    /// - Throws: `notFound` if there is none; `damaged` if a commit that may hold a newer one
    ///   cannot be read.
    public func newestState() throws(VarveError) -> Checkpoint {
        let newest = latest
        let known = newest.map { origin(of: $0).sequence }
        let lost = damage.compactMap(\.lostCommit).max()
        if let lost, lost >= (known ?? 0) {
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
        return newest
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
        guard plan.checkpoint.digest == backup.digest, plan.checkpoint.items == backup.items
        else {
            throw VarveError(
                .damaged,
                "backup \(backup.name) records another state than the archive holds for "
                    + "\(backup.instant); run 'varve verify'",
                at: "table \(record.name)")
        }
        return plan
    }

    /// The state at an instant of a range that is exact at every second: that of the last
    /// checkpoint up to it; nil outside such ranges.
    func exactState(at instant: Instant) -> Checkpoint? {
        let isExact = ranges.contains {
            !$0.isExactAtCheckpointsOnly && $0.from <= instant && instant <= $0.to
        }
        guard isExact, var state = checkpoints.last(where: { $0.instant <= instant }) else {
            return nil
        }
        state.instant = instant
        return state
    }

    /// The commit that recorded a checkpoint, as far as it is still told.
    func origin(of checkpoint: Checkpoint) -> (sequence: UInt64, hash: Hash256) {
        let commit = commits.last { commit in
            commit.logical.checkpoints.contains { $0.instant == checkpoint.instant }
        }
        if let commit { return (commit.logical.sequence, commit.hash) }
        if let backup = backups.last(where: { $0.instant == checkpoint.instant }) {
            return (backup.commitSequence, backup.commitHash)
        }
        if let range = ranges.last(where: { $0.to == checkpoint.instant }) {
            return (range.lastSequence, range.lastHash)
        }
        return (max(nextSequence, 1) - 1, head)
    }
}

extension RestorableRange {
    /// Takes in a commit that follows it, or an older copy that lies within it.
    fileprivate mutating func extend(by other: RestorableRange) {
        firstSequence = min(firstSequence, other.firstSequence)
        if other.lastSequence > lastSequence {
            lastSequence = other.lastSequence
            lastHash = other.lastHash
        }
        changeDigest = changeDigest &+ other.changeDigest
        if other.isClosed { isClosed = true }
        guard other.to > to else { return }
        to = other.to
        items = other.items
        bytes = other.bytes
        digest = other.digest
    }

    /// The range that a commit alone makes; nil if no instant of it is whole.
    init?(of commit: CommitRecord) {
        let logical = commit.logical
        guard let from = Instant(microseconds: logical.from),
            let to = Instant(microseconds: logical.to)
        else { return nil }
        self.init(
            isExactAtCheckpointsOnly: logical.isExactAtCheckpointsOnly, from: from, to: to,
            firstSequence: logical.sequence, lastSequence: logical.sequence,
            lastHash: commit.hash, items: logical.items, bytes: logical.bytes,
            digest: logical.digest, changeDigest: logical.changeDigest,
            isClosed: logical.closesRange)
    }
}

extension Instant {
    /// A time in messages: ISO 8601, or microseconds if it is no instant.
    static func text(_ time: Int64) -> String {
        Instant(microseconds: time)?.description ?? "\(time) µs"
    }
}
