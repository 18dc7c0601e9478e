import VarveBytes
import VarveFormat
import VarveModel

/// All changes of ascending keys in a run, leaf by leaf; only leaves that may hold them are read.
final class RunVersions {
    private var walk: SeekingWalk
    private let blobs: BlobStore
    private let schema: KeySchema
    private var leaf: Hash256?
    private var block = ChangeBlock()

    init(_ tree: TreeReference, schema: KeySchema, blobs: BlobStore) {
        walk = SeekingWalk(tree, kind: .run, blobs: blobs)
        self.blobs = blobs
        self.schema = schema
    }

    /// Calls `body` with each change of the key of row `index` of `rows`, in order of time.
    /// - Precondition: keys ascend strictly from call to call.
    func forEach(
        _ rows: borrowing RowBuffer, _ index: Int,
        _ body: (ChangeBlock, Int) throws -> Void
    ) throws {
        while let entry = try walk.leaf(for: rows, index) {
            if entry.id != leaf {
                block = try blobs.runLeaf(entry, schema: schema)
                leaf = entry.id
            }
            var place = block.changes.rows.lowerBound(rows, index, from: 0).index
            while place < block.changes.count,
                block.changes.rows.order(place, rows, index) == 0
            {
                try body(block, place)
                place += 1
            }
            // The key's changes may go on in the next leaf.
            guard place == block.changes.count else { return }
            walk.skipLeaf()
        }
    }
}
