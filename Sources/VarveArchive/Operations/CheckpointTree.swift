import VarveBytes
import VarveFormat

/// The checkpoints that a layout covers, as pages. Source: Spec 07, Checkpoint pages.
enum CheckpointTree {
    /// Writes the pages.
    /// - Parameter checkpoints: ascending by instant, with digests in full.
    /// - Returns: the root; nil if there are none.
    static func write(_ checkpoints: [Checkpoint], to writer: BlobWriter) throws -> Hash256? {
        var entries: [SpanEntry] = []
        for start in stride(from: 0, to: checkpoints.count, by: CheckpointLeaf.countMax) {
            let end = min(start + CheckpointLeaf.countMax, checkpoints.count)
            let part = checkpoints[start..<end].map(CheckpointRecord.init)
            var plain = ByteWriter(capacity: 4096)
            CheckpointLeaf(checkpoints: part, firstDigest: checkpoints[start].digest)
                .encode(into: &plain)
            let blob = EncodedBlob(.checkpointLeaf, plain: plain.bytes)
            try writer.add(blob)
            entries.append(
                SpanEntry(
                    first: part[0].second, last: part[part.count - 1].second,
                    entries: UInt64(part.count), id: blob.id))
        }
        var level: UInt8 = 0
        while entries.count > 1 {
            level += 1
            entries = try index(entries, level: level, to: writer)
        }
        return entries.first?.id
    }

    private static func index(
        _ children: [SpanEntry], level: UInt8, to writer: BlobWriter
    ) throws -> [SpanEntry] {
        var result: [SpanEntry] = []
        for start in stride(from: 0, to: children.count, by: SpanIndexPage.countMax) {
            let part = Array(children[start..<min(start + SpanIndexPage.countMax, children.count)])
            var plain = ByteWriter(capacity: 4096)
            SpanIndexPage(kind: .checkpoints, level: level, children: part).encode(into: &plain)
            let blob = EncodedBlob(.checkpointIndex, plain: plain.bytes)
            try writer.add(blob)
            result.append(
                SpanEntry(
                    first: part[0].first, last: part[part.count - 1].last,
                    entries: part.reduce(0) { $0 + $1.entries }, id: blob.id))
        }
        return result
    }
}

extension CheckpointRecord {
    init(_ checkpoint: Checkpoint) {
        self.init(
            second: checkpoint.instant.second, items: checkpoint.items, bytes: checkpoint.bytes,
            changes: checkpoint.changes,
            digestLow: UInt16(truncatingIfNeeded: checkpoint.digest.words.0))
    }
}
