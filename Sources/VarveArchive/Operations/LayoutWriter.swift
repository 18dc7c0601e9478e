import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Publishes layouts. Source: Spec 09, Layout; Spec 11.
struct LayoutWriter {
    let repository: Repository
    let history: TableHistory
    let writer: BlobWriter

    /// Writes the next layout, which covers every commit of `history`, and deletes what it covers.
    ///
    /// - Parameters:
    ///   - ranges: in any order; those that overlap, or whose sequences do, become one.
    ///   - pieces: in any order.
    ///   - checkpoints: ascending, digests in full.
    ///   - nextSequence: `history.nextSequence`, or one more after a fence.
    /// - Returns: false if another layout was faster; then nothing has changed.
    func publish(
        ranges: [RestorableRange], pieces: [Piece], checkpoints: [Checkpoint],
        nextSequence: UInt64, head: Hash256
    ) throws -> Bool {
        try carry(pieces)
        let root = try CheckpointTree.write(checkpoints, to: writer)
        let inline = try writer.finish()
        guard history.layoutNumber < .max else {
            throw VarveError(
                .damaged, "the layout's number is the greatest that there is",
                at: ObjectName.layout(history.id, number: .max).path)
        }
        let layout = LayoutRecord(
            table: history.id, number: history.layoutNumber + 1, written: repository.now(),
            nextSequence: nextSequence, before: head, ranges: Self.joined(ranges),
            pieces: pieces.sorted {
                ($0.to, $0.from, $0.kind.rawValue) < ($1.to, $1.from, $1.kind.rawValue)
            },
            checkpoints: root, inline: inline)
        let name = ObjectName.layout(history.id, number: layout.number).path
        guard try repository.store.createIfAbsent(name, try layout.seal()) else { return false }
        // The number may have been free only because a later layout replaced its bearer.
        let newest = try repository.newestLayout(of: history.id)
        if newest != layout.number { return false }
        repository.blobs.addInline(inline)
        try writer.confirm()
        try Self.clean(repository, history.id, layout.number, nextSequence)
        try writer.end()
        return true
    }

    /// Puts the blobs that commits and the layout before carry, and that the pieces need, into the
    /// new layout or into packs.
    private func carry(_ pieces: [Piece]) throws {
        var records: [(id: Hash256, type: BlobType, bytes: [UInt8])] = []
        for bytes in history.commits.map(\.inline) + [history.layout?.inline ?? []] {
            records += try InlineBlobs(bytes).records
        }
        if records.isEmpty { return }
        var reach = BlobReach(
            repository, readsLeaves: records.contains { $0.type == .outlinedValue })
        // The writer holds every blob of a new piece: what no pack has it has written.
        let known = Set(history.pieces)
        try reach.add(pieces.filter(known.contains), schema: history.record.keySchema)
        for record in records where reach.ids.contains(record.id) {
            var cursor = ByteCursor(record.bytes.raw)
            let header = try BlobRecord(header: &cursor)
            try writer.add(
                EncodedBlob(
                    id: record.id, record: record.bytes, plainBytes: Int(header.plainBytes)))
        }
    }

    /// Deletes the commits and layouts that a layout replaces.
    static func clean(
        _ repository: Repository, _ table: TableID, _ number: UInt64, _ nextSequence: UInt64
    ) throws {
        for entry in try repository.store.list(ObjectName.commitsPrefix(of: table)) {
            guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                sequence < nextSequence
            else { continue }
            try repository.store.deleteIfPresent(entry.name)
        }
        for entry in try repository.store.list(ObjectName.layoutsPrefix(of: table)) {
            guard case .layout(_, let other)? = ObjectName(path: entry.name), other < number
            else { continue }
            try repository.store.deleteIfPresent(entry.name)
        }
    }

    /// Ranges as a layout may hold them: ascending in time and in sequences.
    ///
    /// A copy that was brought in later than newer ones makes a range that lies within another in
    /// time and after it in sequence. Both are exact at checkpoints only: together they are one
    /// such range.
    static func joined(_ ranges: [RestorableRange]) -> [RestorableRange] {
        var result: [RestorableRange] = []
        for range in ranges.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) {
            var next = range
            while let last = result.last,
                next.from < last.to || next.firstSequence <= last.lastSequence
            {
                next = last.joined(with: next)
                result.removeLast()
            }
            result.append(next)
        }
        return result
    }
}

extension RestorableRange {
    /// One range over both. Exact at checkpoints only, as both must be.
    fileprivate func joined(with other: RestorableRange) -> RestorableRange {
        var result = other.to >= to ? other : self
        result.isExactAtCheckpointsOnly = true
        result.from = min(from, other.from)
        result.firstSequence = min(firstSequence, other.firstSequence)
        if lastSequence > other.lastSequence {
            (result.lastSequence, result.lastHash) = (lastSequence, lastHash)
        } else {
            (result.lastSequence, result.lastHash) = (other.lastSequence, other.lastHash)
        }
        result.changeDigest = changeDigest &+ other.changeDigest
        return result
    }
}

extension Repository {
    /// Number of a table's newest layout; 0 if there is none.
    func newestLayout(of table: TableID) throws(VarveError) -> UInt64 {
        var newest: UInt64 = 0
        for entry in try store.list(ObjectName.layoutsPrefix(of: table)) {
            if case .layout(_, let number)? = ObjectName(path: entry.name) {
                newest = max(newest, number)
            }
        }
        return newest
    }

    /// Commits that no layout covers, from which on the next one is due. Source: Spec 11.
    static let uncoveredCommitsMax = 256
    /// Runs that a state may need before they are merged. Source: Spec 11.
    static let runsMax = 64

    /// Writes a layout if so many commits are uncovered, or a state needs so many runs, that
    /// reading suffers. Drops nothing: every checkpoint stays restorable.
    /// - Returns: whether one was written.
    @discardableResult
    func layOutIfDue(_ id: TableID, _ record: TableRecord) throws -> Bool {
        // Losing twice means that others lay this table out: then it is not due.
        for _ in 0..<2 {
            let history = try history(id, record)
            guard let pieces = try dueMerge(history) else { return false }
            let writer = BlobWriter(self, purpose: "layout \(record.name)")
            do {
                let compaction = Compaction(
                    repository: self, schema: record.keySchema, writer: writer)
                var all = history.pieces
                if !pieces.isEmpty {
                    all.removeAll { pieces.contains($0) }
                    all.append(try compaction.merge(pieces, kept: nil, nothingBefore: false))
                }
                let layout = LayoutWriter(repository: self, history: history, writer: writer)
                if try layout.publish(
                    ranges: history.ranges, pieces: all, checkpoints: history.wholeCheckpoints,
                    nextSequence: history.nextSequence, head: history.head)
                {
                    return true
                }
                writer.abandon()
            } catch {
                writer.abandon()
                throw error
            }
        }
        return false
    }

    /// The runs to merge in a layout that is due; nil if none is due.
    private func dueMerge(_ history: TableHistory) throws -> [Piece]? {
        // Recorded history has more checkpoints than this would keep; whoever records lays it out.
        guard !history.isRecorded, let latest = try history.latest else { return nil }
        let runs = try history.plan(at: latest.instant).runs
        if runs.count > Self.runsMax { return runs }
        return history.commits.count >= Self.uncoveredCommitsMax ? [] : nil
    }
}
