import VarveBytes
import VarveFormat
import VarveModel

// States that only another layout tells of: each becomes an image in this one.

extension LayoutRecord {
    /// Adds the states of backups, each as an image, with a range of its own where none holds it;
    /// and what of their blobs the layout is to carry. What packs hold is durable afterwards.
    /// - Parameters:
    ///   - backups: by instant.
    ///   - history: tells of their states.
    ///   - source: where their pages are; nil: in the same repository. Its cut key is the same.
    /// - Throws: `refused` if a state does not fit in; `damaged` or `proofFailed` if it cannot be
    ///   put together.
    mutating func keep(
        _ backups: [BackupRecord], of history: TableHistory, by keeper: LayoutWriter,
        from source: Repository? = nil
    ) throws {
        var compaction = keeper.compaction
        if let source { compaction.repository = source }
        var points: [Checkpoint] = []
        var ranges = ranges
        let title = "table \(history.record.name)"
        for backup in backups where points.last?.instant != backup.instant {
            let place = pieces.first {
                $0.kind == .image && $0.to == backup.instant.microseconds
            }
            if let place, place.tree.digest != backup.digest {
                throw VarveError(
                    .refused,
                    "backup \(backup.name) has another state at \(backup.instant) than the source",
                    at: title)
            }
            let plan = try history.plan(of: backup)
            let chain = PieceChain(
                image: plan.image, base: backup.instant.microseconds, runs: plan.runs)
            points.append(
                Checkpoint(
                    instant: backup.instant, changes: 0, items: backup.items,
                    bytes: backup.bytes, digest: backup.digest))
            if place == nil {
                pieces.append(
                    try compaction.fold(
                        chain, to: RecordedCheckpoint(points[points.count - 1])))
            }
            if !ranges.contains(where: { $0.from <= backup.instant && backup.instant <= $0.to }) {
                ranges.append(RestorableRange(of: backup))
            }
        }
        pieces.sort {
            ($0.to, $0.from, $0.kind.rawValue) < ($1.to, $1.from, $1.kind.rawValue)
        }
        let joined = LayoutWriter.joined(ranges)
        let exact = self.ranges.filter { !$0.isExactAtCheckpointsOnly }
        guard exact.allSatisfy(joined.contains) else {
            throw VarveError(
                .refused,
                "backup \(backups[0].name) was forgotten in the source, and its state does not "
                    + "fit into the source's history any more; forget it here too",
                at: title)
        }
        self.ranges = joined
        checkpoints = try keeper.checkpointTree.append(
            points.sorted { $0.instant < $1.instant }, to: checkpoints).root
        _ = try keeper.writer.finish()
        let own = try keeper.small.finish()
        inline = try Self.joined(inline, own)
        keeper.repository.blobs.addInline(own)
    }

    /// Blob records of both, each once.
    private static func joined(_ first: [UInt8], _ second: [UInt8]) throws -> [UInt8] {
        let there = Set(try InlineBlobs(first).records.map(\.id))
        return try InlineBlobs(second).records.reduce(into: first) { bytes, record in
            if !there.contains(record.id) { bytes += record.bytes }
        }
    }
}

extension RestorableRange {
    /// The range of a backup alone.
    fileprivate init(of backup: BackupRecord) {
        self.init(
            isExactAtCheckpointsOnly: true, from: backup.instant, to: backup.instant,
            firstSequence: backup.commitSequence, lastSequence: backup.commitSequence,
            lastHash: backup.commitHash, items: backup.items, bytes: backup.bytes,
            digest: backup.digest, changeDigest: .zero)
    }
}

extension TableHistory {
    /// Whether the state of a backup is told, and can be put together as far as no page is lost.
    func holds(_ backup: BackupRecord) throws(VarveError) -> Bool {
        do throws(VarveError) {
            _ = try plan(of: backup)
            return true
        } catch {
            guard error.code == .notFound || error.code == .damaged else { throw error }
            return false
        }
    }
}
