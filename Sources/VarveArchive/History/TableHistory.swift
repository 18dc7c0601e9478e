public import VarveBytes
public import VarveFormat

/// What the archive records of one instant. Source: Spec 09, Commit.
public typealias Checkpoint = CommitRecord.Checkpoint

/// All that the archive knows of one incarnation of a table, read at one moment: its record, its
/// ranges and pieces, its backups, and the way to its checkpoints.
///
/// A value: later commits do not change it. Opening costs three listings, at most one layout and
/// the commits after it (Spec 11, Order of reading), and the record of each backup, once as long as
/// the repository is open; the checkpoints that the layout covers are searched when they are asked
/// for, a few pages each time.
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
    /// Which ranges can be restored, ascending; without what is in doubt. Source: Spec 10.
    public let ranges: [RestorableRange]
    /// The ranges with what is in doubt.
    let storedRanges: [RestorableRange]
    /// Images and runs, ascending by their end; of equal ends in order of sequence.
    let piecesByEnd: [Piece]
    /// Hash of the last commit, or of the table record.
    public let head: Hash256
    /// Checkpoints of the commits; of two with one instant the later commit's.
    let uncovered: CheckpointParts
    /// Those that the layout covers and that something else than its pages tells of, ascending.
    let named: [Checkpoint]
    /// The checkpoints that the layout covers.
    let pages: CheckpointPages?
    /// What of the table cannot be read, or does not fit; the location names the object. Empty if
    /// the history was read for writing. Source: Spec 11, Damage.
    public internal(set) var damage: [VarveError] = []

    /// - Parameters:
    ///   - blobs: where the layout's pages are.
    ///   - lastHash: the last commit's, if it is known.
    init(
        id: TableID, record: TableRecord, layoutNumber: UInt64, layout: LayoutRecord?,
        commits: [CommitRecord], backups: [BackupRecord], blobs: BlobStore,
        lastHash: Hash256? = nil
    ) {
        self.id = id
        self.record = record
        self.layoutNumber = layoutNumber
        self.layout = layout
        self.commits = commits
        self.backups = backups
        storedRanges = RestorableRange.all(layout, commits)
        ranges = storedRanges.compactMap(\.sound)
        piecesByEnd = ((layout?.pieces ?? []) + commits.flatMap(\.pieces)).enumerated()
            .sorted { ($0.element.to, $0.offset) < ($1.element.to, $1.offset) }.map(\.element)
        head = lastHash ?? commits.last?.hash ?? layout?.before ?? record.hash
        uncovered = CheckpointParts(commits.map(\.logical.checkpoints))
        named = Self.named(layout, backups)
        pages = layout?.checkpoints.map { CheckpointPages(root: $0, blobs: blobs) }
    }

    /// Sequence of the next commit.
    public var nextSequence: UInt64 {
        commits.last.map { $0.logical.sequence &+ 1 } ?? layout?.nextSequence ?? 0
    }

    /// Whether nothing but the table's record is there: a first backup did not come to its end.
    public var isEmpty: Bool {
        layoutNumber == 0 && commits.isEmpty && backups.isEmpty && damage.isEmpty
    }

    /// The pieces of layout and commits.
    public var pieces: [Piece] { (layout?.pieces ?? []) + commits.flatMap(\.pieces) }
}

extension TableHistory {
    /// Finds a backup by name, ARN, or the beginning of its id.
    /// - Throws: `notFound`, or `ambiguous` with the candidates.
    public func backup(named text: String) throws(VarveError) -> BackupRecord {
        try Self.backup(named: text, in: [self]).record
    }

    /// Finds a backup in the incarnations of a table name, all alike; for where it is found.
    /// - Parameter histories: by incarnation, at least one.
    /// - Throws: as `backup(named:)`.
    public static func backup(
        named text: String, in histories: [TableHistory]
    ) throws(VarveError) -> (history: TableHistory, record: BackupRecord) {
        let all = histories.flatMap { history in
            history.backups.map { (history: history, record: $0) }
        }
        let name = histories[0].record.name
        var found = all.filter {
            $0.record.name == text || ($0.record.arn == text && !text.isEmpty)
        }
        if found.isEmpty, AbbreviatedID.isPossible(text) {
            found = all.filter { $0.record.id.description.hasPrefix(text.lowercased()) }
        }
        if found.count == 1 { return found[0] }
        if found.isEmpty {
            let known = all.suffix(5).map(\.record.name).joined(separator: ", ")
            throw VarveError(
                .notFound,
                "no backup '\(text)' of table \(name)"
                    + (known.isEmpty ? "; it has none" : "; the newest are: \(known)")
                    + AbbreviatedID.hint(text)
                    + (histories.first { !$0.damage.isEmpty }?.damageHint ?? ""))
        }
        let candidates = found.map {
            "\($0.record.id.description.prefix(8)) \($0.record.name) (\($0.record.instant))"
                + (histories.count > 1 ? " of \($0.history.record.title)" : "")
        }
        throw VarveError(
            .ambiguous,
            "'\(text)' names \(found.count) backups of \(name); use an id: "
                + candidates.joined(separator: ", "))
    }

    /// The commit that recorded a checkpoint. Where that is no longer told, the last commit of its
    /// range. Source: Spec 09, Backup.
    public func origin(of instant: Instant) -> (sequence: UInt64, hash: Hash256) {
        let commit = commits.last { commit in
            commit.logical.checkpoints.contains { $0.instant == instant }
        }
        if let commit { return (commit.logical.sequence, commit.hash) }
        if let backup = backups.last(where: { $0.instant == instant }) {
            return (backup.commitSequence, backup.commitHash)
        }
        let covered = layout?.ranges.last { $0.from <= instant && instant <= $0.to }
        if let covered { return (covered.lastSequence, covered.lastHash) }
        return (max(nextSequence, 1) - 1, head)
    }
}

extension Instant {
    /// A time in messages: ISO 8601, to the microsecond if it is no whole second; microseconds if
    /// it is outside the years 0001 to 9999.
    public static func text(_ time: Int64) -> String {
        if let instant = Instant(microseconds: time) { return instant.description }
        let fraction = (time % 1_000_000 + 1_000_000) % 1_000_000
        guard let second = Instant(microseconds: time - fraction) else { return "\(time) µs" }
        let digits = String(fraction)
        return second.description.dropLast() + "."
            + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }
}

extension TableHistory {
    /// Changes of the second within which the history ends: those that no checkpoint counts yet.
    /// Layouts leave that second to its commits. Source: Spec 09, Commit.
    var tailChanges: UInt64 {
        var count: UInt64 = 0
        for commit in commits.map(\.logical) {
            let known = count.saturated(adding: commit.changes)
            let counted = commit.checkpoints.reduce(0 as UInt64) {
                $0.saturated(adding: $1.changes)
            }
            let isTail = commit.isExact && commit.to % 1_000_000 != 0
            count = isTail && counted < known ? known - counted : 0
        }
        return count
    }
}
