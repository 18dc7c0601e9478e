public import VarveBytes
public import VarveFormat
import VarveModel
import VarveStorage

/// Brings a full copy of a table into the archive: an image if the table is new to it or enough has
/// changed since the last image, else a run of what changed.
///
/// Use: `append` all rows in key order, then `finish`. Nothing counts before `finish` returns; on
/// any error call `abandon`: all that stays is unnamed packs. Belongs to one thread.
///
/// Memory: pages under way. Complexity: one pass over the rows and, for a run, over the state
/// before.
public final class FullBackup {
    /// What the copy is and where it comes from.
    public struct Request: Sendable {
        /// The copy's instant.
        public var instant: Instant
        /// Allow that most items vanish.
        public var force: Bool
        public var sourceKind: String

        public init(instant: Instant, force: Bool = false, sourceKind: String) {
            self.instant = instant
            self.force = force
            self.sourceKind = sourceKind
        }
    }

    /// How a copy differs from the state before it.
    public struct Counts: Sendable, Hashable {
        public var puts: UInt64
        public var removals: UInt64

        public init(puts: UInt64, removals: UInt64) {
            self.puts = puts
            self.removals = removals
        }
    }

    /// What came of it.
    public struct Outcome: Sendable {
        public var checkpoint: Checkpoint
        public var commitSequence: UInt64
        public var commitHash: Hash256
        /// Whether an image was written rather than a run.
        public var wroteImage: Bool
        /// Entries of the run, or rows of the image.
        public var entries: UInt64
        /// Stored bytes of new blobs, with their headers.
        public var addedBytes: UInt64
        /// Items that were put or replaced, and removed, since the state before; nil if the copy
        /// was not compared with one.
        public var counts: Counts?
        /// Whether the archive had this very state at this very instant.
        public var wasKnown: Bool
        /// What people should know beside it.
        public var warnings: [String] = []
    }

    private let repository: Repository
    private let history: TableHistory
    private let request: Request
    private let writer: BlobWriter
    private let tree: TreeBuilder
    private let writesImage: Bool
    private let preparer: ChangePreparer
    private var previous: StateCursor?
    private let base: RecordedCheckpoint?
    /// End of the commits that the copy follows, at which the state is that of `base`.
    private let baseEnd: Int64?
    private let known: RecordedCheckpoint?
    /// The last state before the copy's instant, whether it is compared with it or not.
    private let before: RecordedCheckpoint?
    private var pending = PreparedChanges()
    private var items: UInt64 = 0
    private var bytes: UInt64 = 0
    private var digest = Hash256.zero
    private var puts: UInt64 = 0
    private var removals: UInt64 = 0

    public init(
        _ repository: Repository, history: TableHistory, request: Request
    ) throws {
        self.repository = repository
        self.history = history
        self.request = request
        writer = BlobWriter(repository, purpose: "backup \(history.record.name)")
        preparer = ChangePreparer(cutHash: repository.cutHash)
        known = try repository.wholeCheckpoint(of: request.instant, in: history)
        let last = Instant(second: request.instant.second - 1)
        before = try last.flatMap { (last) throws(VarveError) in
            try history.checkpoint(upTo: last)
        }
        let head = history.chainHead
        // A copy older than what is there, or of a known instant, stands for itself; so does the
        // first after a gap, or after a second that is not complete.
        if let latest = try history.latest, !head.isClosed, let end = head.to, end % 1_000_000 == 0,
            end < request.instant.microseconds
        {
            base = latest
            baseEnd = end
        } else {
            base = nil
            baseEnd = nil
        }
        var plan: StatePlan?
        if let base { plan = try history.plan(at: base.instant) }
        writesImage = plan.map(Self.deservesImage) ?? true
        tree = TreeBuilder(
            writesImage ? .image : .run, schema: history.record.keySchema, repository: repository,
            writer: writer)
        if let base {
            previous = try Repository.naming(history) {
                try StateCursor(ResumingRows(repository, history, at: base.instant))
            }
        }
    }

    /// Whether the runs since the last image take so much that another image pays off.
    private static func deservesImage(_ plan: StatePlan) -> Bool {
        CompactionPlan.deservesImage(
            imageBytes: plan.image.storedBytes,
            runBytes: plan.storedBytes - plan.image.storedBytes)
    }

    /// Makes rows ready, on any thread.
    public var rowPreparer: RowPreparer {
        RowPreparer(schema: history.record.keySchema, cutHash: repository.cutHash)
    }

    /// Adds the next rows.
    /// - Precondition: their keys follow those before; the source sees to that.
    public func append(_ block: PreparedRows) throws {
        items += UInt64(block.rows.count)
        bytes += block.itemBytes
        digest = digest &+ block.digest
        if base != nil { try Repository.naming(history) { try compare(block) } }
        if writesImage {
            try tree.append(block)
        } else {
            try keepValues(of: block)
            try flush(force: false)
        }
    }

    /// Rows that did not change stay with the state before. Its leaves were just read, but not its
    /// large values: one that is lost is written again.
    private func keepValues(of block: PreparedRows) throws {
        if block.outlined.isEmpty { return }
        let lost = try block.outlined.filter { try !writer.finds($0.key) }
        for (_, bytes) in lost.sorted(by: { $0.key < $1.key }) {
            try writer.add(EncodedBlob(.outlinedValue, plain: bytes.raw))
        }
    }

    // MARK: Comparing with the state before

    private var stamp: Int64 { request.instant.microseconds - 1 }

    private func compare(_ block: PreparedRows) throws {
        for index in 0..<block.rows.count {
            var order = 1
            while let old = previous, !old.isAtEnd {
                order = old.order(to: block.rows, index)
                if order >= 0 { break }
                try remove(old)
                try old.advance()
            }
            if let old = previous, !old.isAtEnd, order == 0 {
                let same = old.valueEquals(block.rows, index)
                try old.advance()
                if same { continue }
            }
            puts += 1
            if writesImage { continue }
            try preparer.put(
                block.rows, index, outlined: block.outlined,
                stamp: ChangeStamp(time: stamp, sequence: 0, kind: .put), to: pending)
        }
    }

    private func remove(_ old: StateCursor) throws {
        removals += 1
        if writesImage { return }
        try old.withRow { rows, index in
            try preparer.tombstone(
                rows, index, stamp: ChangeStamp(time: stamp, sequence: 0, kind: .tombstone),
                to: pending)
        }
        try flush(force: false)
    }

    private func flush(force: Bool) throws {
        if pending.changes.count == 0 { return }
        if !force, pending.changes.rows.byteCount < 1 << 18 { return }
        try tree.append(pending)
        pending = PreparedChanges()
    }

    // MARK: Finishing

    /// Publishes the state.
    ///
    /// - Parameters:
    ///   - name: gives the state its backup record, by `makeBackup`. Until it returns a
    ///   collector spares the state though no backup names it. What fails after it is told by the
    ///   outcome's warnings, for then the backup is there.
    ///   - prerequisite: returns once all is stored that the commit builds on beside this state.
    /// - Throws: `refused` if most items would vanish and `force` is not set, or if another state
    ///   is recorded for the instant; `conflict` if another writer was faster; what `name` throws.
    public func finish(
        naming name: (Outcome) throws -> Void = { _ in }, after prerequisite: () throws -> Void = {}
    ) throws -> Outcome {
        try Repository.naming(history) {
            while let old = previous, !old.isAtEnd {
                try remove(old)
                try old.advance()
            }
        }
        try checkPlausible()
        let checkpoint = Checkpoint(
            instant: request.instant, changes: puts + removals, items: items,
            bytes: bytes, digest: digest)
        if let known {
            try prerequisite()
            let outcome = try confirmKnown(known, checkpoint)
            try name(outcome)
            return outcome
        }
        try flush(force: true)
        let result = try tree.finish()
        let inline = try writer.finish()
        let piece = Piece(
            kind: writesImage ? .image : .run,
            from: writesImage ? request.instant.microseconds : baseEnd!,
            to: request.instant.microseconds, tree: result)
        try prerequisite()
        var outcome = try publish(checkpoint, piece, inline)
        try writer.confirm()
        try name(outcome)
        outcome.warnings += afterwards()
        return outcome
    }

    /// What is left to do when the backup is there: nothing of it takes the backup back.
    /// Source: Spec 11, Order of writing.
    /// - Returns: what failed.
    private func afterwards() -> [String] {
        var warnings: [String] = []
        do {
            try writer.end()
        } catch {
            warnings.append(
                "the backup is stored, but the mark that it was being written could not be "
                    + "deleted: \(error); for a day 'varve prune' may free less")
        }
        do {
            try Compactor(repository).run(history.id, history.record)
        } catch {
            warnings.append(
                "the backup is stored, but the history of table \(history.record.name) could not "
                    + "be laid out: \(error); run 'varve verify'")
        }
        return warnings
    }

    private func checkPlausible() throws(VarveError) {
        // Of a known instant the very same state is asked for.
        guard !request.force, known == nil, let before = base ?? before else { return }
        let lacking =
            base == nil ? before.items - min(items, before.items) : removals
        guard before.items > 0, lacking > before.items / 2 else { return }
        throw VarveError(
            .refused,
            "this copy lacks \(lacking) of the \(before.items) items that table "
                + "\(history.record.name) had at \(before.instant); "
                + "if that is right, use --force")
    }

    private func confirmKnown(_ known: RecordedCheckpoint, _ found: Checkpoint) throws -> Outcome {
        guard known.digest.agrees(with: found.digest), known.items == found.items else {
            throw VarveError(
                .refused,
                "another state of table \(history.record.name) is recorded for "
                    + "\(request.instant); give the copy's own time with --time")
        }
        writer.abandon()
        // Where every second is exact, the checkpoint may be an earlier one that has the state.
        var state = found
        (state.instant, state.changes) = (known.instant, known.changes)
        let origin = history.origin(of: known.instant)
        return Outcome(
            checkpoint: state, commitSequence: origin.sequence, commitHash: origin.hash,
            wroteImage: false, entries: 0,
            addedBytes: 0, counts: nil, wasKnown: true)
    }

    private func publish(
        _ checkpoint: Checkpoint, _ piece: Piece, _ inline: [UInt8]
    ) throws -> Outcome {
        let begins = base == nil
        let logical = CommitRecord.Logical(
            table: history.id, sequence: history.nextSequence, before: history.head,
            beginsRange: begins, isExactAtCheckpointsOnly: true,
            from: baseEnd ?? request.instant.microseconds,
            to: request.instant.microseconds,
            checkpoints: [checkpoint], changes: checkpoint.changes, items: items, bytes: bytes,
            digest: digest, changeDigest: piece.kind == .image ? .zero : piece.tree.digest,
            sourceKind: request.sourceKind)
        let commit = CommitRecord(
            logical: logical, written: repository.now(), pieces: [piece], inline: inline)
        let name = ObjectName.commit(history.id, sequence: logical.sequence).path
        // A collector spares states without a backup as long as their writer is at work.
        try writer.announce()
        if try !repository.store.createIfAbsent(name, try commit.seal()) {
            throw VarveError(
                .conflict,
                "another backup of table \(history.record.name) finished meanwhile; run this again")
        }
        try checkUncovered(logical.sequence)
        return Outcome(
            checkpoint: checkpoint, commitSequence: logical.sequence, commitHash: commit.hash,
            wroteImage: writesImage, entries: piece.tree.entries,
            addedBytes: writer.storedBytes,
            counts: begins ? nil : Counts(puts: puts, removals: removals), wasKnown: false)
    }

    /// A layout may have covered the sequence and its bearer be gone: then the name was free, and
    /// the commit says nothing to anyone.
    private func checkUncovered(_ sequence: UInt64) throws(VarveError) {
        let newest = try repository.newestLayout(of: history.id)
        if newest == history.layoutNumber { return }
        let now = try repository.history(history.id, history.record)
        guard let layout = now.layout, layout.nextSequence > sequence else { return }
        if layout.ranges.contains(where: { $0.lastSequence >= sequence }),
            try now.checkpoint(at: request.instant)?.digest.agrees(with: digest) == true
        {
            return
        }
        // Nobody reads it, and nobody else made it.
        let own = ObjectName.commit(history.id, sequence: sequence).path
        try repository.store.deleteIfPresent(own)
        throw VarveError(
            .conflict,
            "the history of table \(history.record.name) was laid out anew meanwhile; "
                + "run this again")
    }

    /// Gives up; for every error of `append` and `finish`. Packs stay until `prune`.
    public func abandon() { writer.abandon() }
}

/// Reads a state row by row, for merging.
final class StateCursor {
    private let source: any RowSource
    private var block: RowBlock?
    private var position = 0

    init(_ source: any RowSource) throws {
        self.source = source
        block = try source.nextBlock()
    }

    var isAtEnd: Bool { block == nil }

    func advance() throws {
        position += 1
        if let block, position < block.rows.count { return }
        block = try source.nextBlock()
        position = 0
    }

    /// Order of this row's key to that of row `index` of `rows`.
    /// - Precondition: not at the end; so for the others.
    func order(to rows: borrowing RowBuffer, _ index: Int) -> Int {
        block!.rows.order(position, rows, index)
    }

    func valueEquals(_ rows: borrowing RowBuffer, _ index: Int) -> Bool {
        block!.rows.valueEquals(position, rows, index)
    }

    func withRow<Result>(
        _ body: (borrowing RowBuffer, Int) throws -> Result
    ) rethrows -> Result {
        try body(block!.rows, position)
    }

    /// The block and the row's place in it.
    var current: (block: RowBlock, index: Int) { (block!, position) }
}
