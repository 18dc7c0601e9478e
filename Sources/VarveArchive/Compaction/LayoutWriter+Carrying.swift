import VarveBytes
import VarveFormat
import VarveModel

// Blobs that stand in a commit or a layout alone go with it. What the next layout needs of them it
// carries itself, or packs do.

extension LayoutWriter {
    /// Stored bytes of a tree up to which the layout carries what a commit carried of it. What a
    /// layout carries of pieces is theirs whole, so that finding it again reads little.
    private static let pieceBytesMax: UInt64 = 131_072

    /// Puts the blobs that the covered commits and the layout before carry, and that the draft
    /// needs, into the new layout or into packs.
    /// - Complexity: O(carried bytes), however large the trees are.
    func carry(_ draft: LayoutDraft) throws {
        let pieces = Set(draft.pieces)
        for commit in history.commits
        where commit.logical.sequence < draft.nextSequence && !commit.inline.isEmpty {
            guard let piece = commit.pieces.first(where: pieces.contains) else { continue }
            let isSmall = piece.tree.storedBytes <= Self.pieceBytesMax
            for record in try InlineBlobs(commit.inline).records {
                try (isSmall ? small : writer).add(try EncodedBlob(record))
            }
        }
        if let layout = history.layout { try carry(draft, from: layout, pieces) }
    }

    private func carry(
        _ draft: LayoutDraft, from layout: LayoutRecord, _ pieces: Set<Piece>
    ) throws {
        let records = try InlineBlobs(layout.inline).records
        var reach = BlobReach(
            repository, readsLeaves: records.contains { $0.type == .outlinedValue })
        let schema = history.record.keySchema
        let smallPieces = layout.pieces.filter { $0.tree.storedBytes <= Self.pieceBytesMax }
        try reach.add(smallPieces.filter(pieces.contains), schema: schema)
        var gone = BlobReach(
            repository, readsLeaves: records.contains { $0.type == .outlinedValue })
        try gone.add(smallPieces.filter { !pieces.contains($0) }, schema: schema)
        for record in records {
            switch record.type {
            case .checkpointLeaf, .checkpointIndex:
                if draft.checkpoints.needs(record.id) { try small.add(try EncodedBlob(record)) }
            default:
                if reach.ids.contains(record.id) {
                    try small.add(try EncodedBlob(record))
                } else if !gone.ids.contains(record.id) {
                    // Of no small piece: a large one may need it.
                    try writer.add(try EncodedBlob(record))
                }
            }
        }
    }
}

extension EncodedBlob {
    fileprivate init(_ record: InlineBlobs.Record) throws(VarveError) {
        var cursor = ByteCursor(record.bytes.raw)
        let header = try BlobRecord(header: &cursor)
        self.init(id: record.id, record: record.bytes, plainBytes: Int(header.plainBytes))
    }
}
