import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// A replica that lags behind the source's layout takes it over.

extension TableCopy {
    /// Publishes the source's layout as the target's next one.
    ///
    /// What only the target still has of older history goes with its own layout, except the states
    /// of backups that the source has forgotten: each is kept as an image.
    func publish(_ layout: LayoutRecord, _ step: Step) throws {
        var next = layout
        next.number = max(layout.number, step.to.layoutNumber + 1)
        target.blobs.addInline(layout.inline)
        let orphans = try orphans(layout, step)
        if orphans.isEmpty {
            try publish(next)
            return
        }
        let keeper = LayoutWriter(target, step.to, purpose: "copy")
        do {
            try keep(orphans, in: &next, step, keeper)
            _ = try keeper.writer.finish()
            let inline = try keeper.small.finish()
            next.inline = try Self.joined(next.inline, inline)
            target.blobs.addInline(inline)
            try publish(next)
            try keeper.writer.confirm()
            try keeper.small.confirm()
            try keeper.writer.end()
            try keeper.small.end()
        } catch {
            keeper.abandon()
            throw error
        }
    }

    private func publish(_ layout: LayoutRecord) throws {
        let name = ObjectName.layout(id, number: layout.number).path
        try create(name, try layout.seal())
        if try target.newestLayout(of: id) != layout.number {
            throw VarveError(
                .conflict, "another program lays out table \(record.name); run this again",
                at: name)
        }
    }

    /// Backups that only the target has and whose states the source's layout has not.
    private func orphans(_ layout: LayoutRecord, _ step: Step) throws -> [BackupRecord] {
        let own = Set(step.from.backups.map(\.id))
        let candidates = step.to.backups.filter { !own.contains($0.id) }
        if candidates.isEmpty { return [] }
        let after = TableHistory(
            id: id, record: record, layoutNumber: layout.number, layout: layout,
            commits: step.commits(after: layout), backups: [], blobs: target.blobs)
        return try candidates.filter { try !isRestorable($0, in: after) }
    }

    private func keep(
        _ orphans: [BackupRecord], in layout: inout LayoutRecord, _ step: Step,
        _ keeper: LayoutWriter
    ) throws {
        var points: [Checkpoint] = []
        var ranges = layout.ranges
        for backup in orphans where points.last?.instant != backup.instant {
            let place = layout.pieces.first {
                $0.kind == .image && $0.to == backup.instant.microseconds
            }
            if let place, place.tree.digest != backup.digest {
                throw VarveError(
                    .refused,
                    "backup \(backup.name) has another state at \(backup.instant) than the source",
                    at: "table \(record.name)")
            }
            let plan = try step.to.plan(of: backup)
            let chain = PieceChain(
                image: plan.image, base: backup.instant.microseconds, runs: plan.runs)
            points.append(
                Checkpoint(
                    instant: backup.instant, changes: 0, items: backup.items,
                    bytes: backup.bytes, digest: backup.digest))
            if place == nil {
                layout.pieces.append(
                    try keeper.compaction.fold(
                        chain, to: RecordedCheckpoint(points[points.count - 1])))
            }
            if !ranges.contains(where: { $0.from <= backup.instant && backup.instant <= $0.to }) {
                ranges.append(RestorableRange(of: backup))
            }
        }
        layout.pieces.sort {
            ($0.to, $0.from, $0.kind.rawValue) < ($1.to, $1.from, $1.kind.rawValue)
        }
        let joined = LayoutWriter.joined(ranges)
        let exact = layout.ranges.filter { !$0.isExactAtCheckpointsOnly }
        guard exact.allSatisfy(joined.contains) else {
            throw VarveError(
                .refused,
                "backup \(orphans[0].name) was forgotten in the source, and its state does not "
                    + "fit into the source's history any more; forget it here too",
                at: "table \(record.name)")
        }
        layout.ranges = joined
        layout.checkpoints = try keeper.checkpointTree.append(
            points.sorted { $0.instant < $1.instant }, to: layout.checkpoints).root
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
