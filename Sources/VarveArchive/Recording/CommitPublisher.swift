public import VarveBytes
public import VarveFormat
public import VarveModel
import VarveStorage

/// Appends commits to a table's chain, each a run of the changes since the one before. Source: Spec
/// 09, Commit; Spec 11.
///
/// It reads the chain once, when it is made, and keeps its end in memory: a commit costs the same
/// however long the history is. Belongs to one thread.
public final class CommitPublisher {
    /// What a commit says beside its changes.
    public struct Content: Sendable {
        /// End of the commit, microseconds since 1970: after every change of it.
        public var to: Int64
        /// Ascending, after the commit before and up to `to`.
        public var checkpoints: [Checkpoint] = []
        public var changes: UInt64 = 0
        /// Items, their sizes and the table digest after the last change.
        public var items: UInt64
        public var bytes: UInt64
        public var digest: Hash256
        /// Only its checkpoints are exact: its changes are the net changes of a window.
        public var isExactAtCheckpointsOnly = false
        /// Where a recorder goes on.
        public var sourceKind = ""
        public var sourcePosition: [UInt8] = []

        public init(to: Int64, items: UInt64, bytes: UInt64, digest: Hash256) {
            self.to = to
            self.items = items
            self.bytes = bytes
            self.digest = digest
        }
    }

    /// What came of a commit.
    public struct Receipt: Hashable, Sendable {
        public var sequence: UInt64
        public var hash: Hash256
        /// Bytes of the commit's object.
        public var objectBytes: UInt64
        /// Stored bytes of new blobs in packs.
        public var packBytes: UInt64
    }

    private let repository: Repository
    private let table: TableID
    private let record: TableRecord
    private var layoutNumber: UInt64
    /// What the next commit follows from.
    public private(set) var head: ChainHead

    public init(_ repository: Repository, history: TableHistory) {
        self.repository = repository
        table = history.id
        record = history.record
        layoutNumber = history.layoutNumber
        head = history.chainHead
    }

    /// Takes over where the range begins: pruning moves that, and leaves the commits alone.
    func followWindow(of history: TableHistory) {
        let other = history.chainHead
        guard other.nextSequence == head.nextSequence else { return }
        head.exactFrom = max(head.exactFrom, other.exactFrom)
    }

    // MARK: Publishing

    /// Publishes changes with whole rows.
    ///
    /// - Parameter changes: in (key, time, sequence) order, times in `[head.to, content.to)`.
    /// - Returns: when the commit is durable.
    /// - Throws: `conflict` if another writer was faster: then nothing has changed; `refused` if
    ///   the history is closed or has no state.
    public func publish(
        _ content: Content, _ changes: borrowing ChangeBuffer
    ) throws -> Receipt {
        let preparer = RunPreparer(cutHash: repository.cutHash)
        var next = 0
        // Blocks of about a page, so that the tree's blocks stay small.
        return try publish(content) { tree in
            while next < changes.count {
                let end = min(changes.count, next + 4096)
                try tree.append(try preparer.prepare(changes, UInt32(next)..<UInt32(end)))
                next = end
            }
        }
    }

    /// Publishes what `fill` appends to the run.
    func publish(_ content: Content, fill: (TreeBuilder) throws -> Void) throws -> Receipt {
        let from = try openEnd()
        // Its states have no backups, and are not for pruning to drop.
        if content.isExactAtCheckpointsOnly { try repository.keepHistory(of: table) }
        let writer = BlobWriter(repository, purpose: "record \(record.name)")
        do {
            let tree = TreeBuilder(
                .run, schema: record.keySchema, repository: repository, writer: writer)
            try fill(tree)
            let reference = try tree.finish()
            let inline = try writer.finish()
            let logical = CommitRecord.Logical(
                table: table, sequence: head.nextSequence, before: head.hash, beginsRange: false,
                isExactAtCheckpointsOnly: content.isExactAtCheckpointsOnly, from: from,
                to: content.to, checkpoints: content.checkpoints, changes: content.changes,
                items: content.items, bytes: content.bytes, digest: content.digest,
                changeDigest: reference.digest, sourceKind: content.sourceKind,
                sourcePosition: content.sourcePosition)
            let piece = Piece(kind: .run, from: from, to: content.to, tree: reference)
            let receipt = try create(
                logical, piece, inline, packBytes: inline.isEmpty ? writer.storedBytes : 0)
            try writer.confirm()
            try writer.end()
            return receipt
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Begins a range with the empty table.
    /// - Throws: `refused` if the table has a history that goes on.
    public func beginEmpty(at instant: Instant, sourceKind: String = "") throws -> Receipt {
        if head.nextSequence > 0 {
            throw VarveError(
                .refused,
                "table \(record.name) has a history already; only a full copy begins another")
        }
        let checkpoint = Checkpoint(
            instant: instant, changes: 0, items: 0, bytes: 0, digest: .zero)
        let logical = CommitRecord.Logical(
            table: table, sequence: 0, before: head.hash, beginsRange: true,
            isExactAtCheckpointsOnly: false, from: instant.microseconds,
            to: instant.microseconds, checkpoints: [checkpoint], changes: 0, items: 0, bytes: 0,
            digest: .zero, changeDigest: .zero, sourceKind: sourceKind)
        return try create(logical, .image(at: instant, .empty), [], packBytes: 0)
    }

    /// Closes the range that ends at the head: only a full copy may follow.
    /// - Parameters:
    ///   - soundTo: the last instant before which no change is missing, if one is that belongs
    ///     before the head; microseconds.
    ///   - sourceKind: with the position where a recorder goes on; empty if that is not told.
    public func close(
        soundTo: Int64? = nil, sourceKind: String, sourcePosition: [UInt8]
    ) throws -> Receipt {
        let end = try openEnd()
        let logical = CommitRecord.Logical(
            table: table, sequence: head.nextSequence, before: head.hash, beginsRange: false,
            isExactAtCheckpointsOnly: head.isExactAtCheckpointsOnly,
            from: min(soundTo ?? end, end), to: end, checkpoints: [], changes: 0,
            items: head.items, bytes: head.bytes, digest: head.digest, changeDigest: .zero,
            sourceKind: sourceKind,
            sourcePosition: sourcePosition, closesRange: true)
        let piece = Piece(kind: .run, from: end, to: end, tree: .empty)
        return try create(logical, piece, [], packBytes: 0)
    }

    private func openEnd() throws(VarveError) -> Int64 {
        if head.isClosed {
            throw VarveError(
                .refused,
                "the history of table \(record.name) is closed: a change before could not be "
                    + "recorded; back up a full copy, from which it can go on")
        }
        guard let to = head.to else {
            throw VarveError(
                .refused,
                "table \(record.name) has no state that changes could go on from; "
                    + "back up a full copy first")
        }
        return to
    }

    // MARK: The object

    private func create(
        _ logical: CommitRecord.Logical, _ piece: Piece, _ inline: [UInt8], packBytes: UInt64
    ) throws -> Receipt {
        let commit = CommitRecord(
            logical: logical, written: repository.now(), pieces: [piece], inline: inline)
        let sealed = try commit.seal()
        let name = ObjectName.commit(table, sequence: logical.sequence).path
        let hash = commit.hash
        if try !repository.store.createIfAbsent(name, sealed) {
            guard try isOwn(name, sealed) else { throw lost() }
        }
        try checkUncovered(logical.sequence, hash)
        head.follow(commit, hash: hash)
        return Receipt(
            sequence: logical.sequence, hash: hash, objectBytes: UInt64(sealed.count),
            packBytes: packBytes)
    }

    /// Whether the object that has the name is this writer's: it was created, and only the
    /// acknowledgement got lost.
    private func isOwn(_ name: String, _ sealed: [UInt8]) throws(VarveError) -> Bool {
        try repository.store.readIfPresent(name) == sealed
    }

    private func lost() -> VarveError {
        VarveError(
            .conflict,
            "another writer records or backs up table \(record.name) at the same time; "
                + "this one stops, and what it has not acknowledged can be sent again")
    }

    /// A layout may have covered the sequence, and its bearer be gone: then the name was free, and
    /// the commit says nothing to anyone.
    private func checkUncovered(_ sequence: UInt64, _ hash: Hash256) throws(VarveError) {
        let newest = try repository.newestLayout(of: table)
        if newest == layoutNumber { return }
        let path = ObjectName.layout(table, number: newest).path
        // A newer one may replace it meanwhile; the next commit sees that one.
        guard let bytes = try repository.store.readIfPresent(path) else { return }
        let layout = try LayoutRecord(sealed: bytes, name: path)
        if layout.nextSequence <= sequence || layout.before == hash {
            layoutNumber = newest
            return
        }
        throw lost()
    }
}
