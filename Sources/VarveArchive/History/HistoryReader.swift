public import VarveBytes
public import VarveFormat
import VarveStorage

// How the history of a table is read. Source: Spec 11.

extension Repository {
    /// Reads a table's newest layout, the commits after it, and its backups. Source: Spec 11.
    /// - Throws: for writing `damaged` if any object cannot be read or does not follow from the
    ///   one before; for reading only what listings throw, the rest is told by `damage`.
    public func history(
        _ id: TableID, _ record: TableRecord, for purpose: HistoryPurpose = .writing
    ) throws(VarveError) -> TableHistory {
        // Another layout may come in between, and what it covers go: read again then. Without the
        // second look at the layouts, commits that are gone would look like the end of the chain.
        var history = try readHistory(id, record, purpose)
        for _ in 1..<Self.historyAttempts {
            let newest = try newestLayout(of: id)
            let isMoving = history.damage.contains { $0.code == .notFound }
            if newest == history.layoutNumber, !isMoving { break }
            history = try readHistory(id, record, purpose)
        }
        // What is still missing has not moved: it is lost.
        history.damage = history.damage.map(\.asDamage)
        if purpose.isStrict, let first = history.damage.first { throw first }
        return history
    }

    private static let historyAttempts = 8

    private func readHistory(
        _ id: TableID, _ record: TableRecord, _ purpose: HistoryPurpose
    ) throws(VarveError) -> TableHistory {
        var reader = HistoryReader(store: store, id: id)
        try reader.readLayouts()
        if case .compacting(let checkpointsMax) = purpose {
            try reader.readCommits(after: record.hash, checkpointsMax: checkpointsMax)
        } else {
            try reader.readCommits(after: record.hash)
            try reader.readBackups(knownBackups, isConcurrent: environment.workers > 1)
        }
        blobs.addInline(reader.layout?.inline ?? [])
        for commit in reader.commits { blobs.addInline(commit.inline) }
        return reader.history(record, blobs: blobs)
    }
}

/// Reads the objects of a table as far as they are sound, and collects what is wrong with others.
private struct HistoryReader {
    let store: any ObjectStore
    let id: TableID
    var damage: [VarveError] = []
    /// Number of the newest layout that is listed, 0 if there is none.
    var layoutNumber: UInt64 = 0
    /// The newest that can be read.
    var layout: LayoutRecord?
    var commits: [CommitRecord] = []
    /// Hash of the last of them.
    var lastHash: Hash256?
    var backups: [BackupRecord] = []

    init(store: any ObjectStore, id: TableID) {
        self.store = store
        self.id = id
    }

    /// Sequence of the first commit that no layout covers.
    private var first: UInt64 { layout?.nextSequence ?? 0 }

    private mutating func attempt<Object>(
        _ name: String, _ body: () throws(VarveError) -> Object
    ) -> Object? {
        do throws(VarveError) {
            return try body()
        } catch {
            damage.append(error.location == nil ? error.located(in: name) : error)
            return nil
        }
    }

    mutating func readLayouts() throws(VarveError) {
        var numbers: [UInt64] = []
        for entry in try store.list(ObjectName.layoutsPrefix(of: id)) {
            if case .layout(_, let number)? = ObjectName(path: entry.name) {
                numbers.append(number)
            }
        }
        numbers.sort()
        layoutNumber = numbers.last ?? 0
        // Behind a damaged one the layout before may still be there, and its commits.
        while layout == nil, let number = numbers.popLast() {
            let path = ObjectName.layout(id, number: number).path
            let (store, id) = (store, id)
            layout = attempt(path) { () throws(VarveError) -> LayoutRecord in
                let layout = try LayoutRecord(sealed: try store.read(path), name: path)
                if layout.table != id || layout.number != number {
                    throw VarveError(
                        .damaged, "the layout is of another table or number", at: path)
                }
                return layout
            }
        }
    }

    /// Reads the commits that the layout does not cover. What stands behind a lost one is kept: a
    /// state that does not need the lost one can still be proven.
    /// - Parameter checkpointsMax: end with the commit after the one with which there are more
    ///   checkpoints, and which does not end within a second.
    mutating func readCommits(
        after record: Hash256, checkpointsMax: Int = .max
    ) throws(VarveError) {
        var checkpoints = 0
        var isLast = false
        var end = Int64.min
        /// Hash of the commit before; nil if that one is lost.
        var before: Hash256? = layout?.before ?? record
        var expected = first
        for entry in try store.list(ObjectName.commitsPrefix(of: id)) {
            guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                sequence >= first
            else { continue }
            if sequence != expected {
                lose(commit: expected, "commit \(sequence) follows")
                before = nil
            }
            expected = sequence &+ 1
            let (store, id) = (store, id)
            let commit = attempt(entry.name) { () throws(VarveError) -> CommitRecord in
                let commit = try CommitRecord(
                    sealed: try store.read(entry.name), name: entry.name)
                if commit.logical.table != id || commit.logical.sequence != sequence {
                    throw VarveError(
                        .damaged, "the commit is of another table or sequence", at: entry.name)
                }
                return commit
            }
            if let commit, let before, commit.logical.before != before {
                damage.append(
                    VarveError(
                        .damaged, "the commit does not follow from the one before",
                        at: entry.name))
            }
            before = commit?.hash
            guard let commit else { continue }
            commits.append(commit)
            lastHash = before
            if isLast { return }
            checkpoints += commit.logical.checkpoints.count
            end = max(end, commit.logical.to)
            isLast = checkpoints > checkpointsMax && Instant(microseconds: end) != nil
        }
    }

    /// A commit that must be there is not: history would end before it in silence, and the next
    /// backup would take its place. A listing beside a writer may lack it.
    private mutating func lose(commit sequence: UInt64, _ reason: String) {
        damage.append(
            VarveError(
                .notFound, "the commit is missing: \(reason)" + VarveError.damageAdvice,
                at: ObjectName.commit(id, sequence: sequence).path))
    }

    mutating func readBackups(
        _ known: KnownBackups, isConcurrent: Bool
    ) throws(VarveError) {
        let found = try known.read(of: id, in: store, isConcurrent: isConcurrent)
        backups = found.records
        damage += found.damage
        backups.sort { ($0.instant, $0.name, $0.created) < ($1.instant, $1.name, $1.created) }
        let next = commits.last.map { $0.logical.sequence &+ 1 } ?? first
        if let lost = backups.first(where: { $0.commitSequence >= next }),
            !damage.contains(where: { $0.isOf(commit: lost.commitSequence) })
        {
            lose(commit: lost.commitSequence, "backup '\(lost.name)' names it")
        }
    }

    func history(_ record: TableRecord, blobs: BlobStore) -> TableHistory {
        var history = TableHistory(
            id: id, record: record, layoutNumber: layoutNumber, layout: layout, commits: commits,
            backups: backups, blobs: blobs, lastHash: lastHash)
        history.damage = damage
        return history
    }
}

extension VarveError {
    /// Whether it tells of the commit of this sequence.
    fileprivate func isOf(commit sequence: UInt64) -> Bool { lostCommit == sequence }

    /// Sequence of the commit that it tells of.
    var lostCommit: UInt64? {
        guard let location else { return nil }
        let path = location.prefix { $0 != ":" && $0 != " " }
        guard case .commit(_, let sequence)? = ObjectName(path: String(path)) else { return nil }
        return sequence
    }
}
