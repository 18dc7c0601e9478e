import VarveBytes
import VarveFormat
import VarveModel

extension Outlining {
    /// The blobs that the rows of a leaf page refer to, in their order.
    /// - Throws: `damaged`.
    static func outlinedIDs(
        _ leaf: [UInt8], _ kind: TreeKind, _ schema: KeySchema
    ) throws(VarveError) -> [Hash256] {
        var page = LeafPageReader(schema: schema)
        try page.open(leaf, kind: kind)
        guard page.hasOutlined else { return [] }
        var changes = ChangeBuffer()
        let count =
            kind == .image ? try page.next(into: &changes.rows) : try page.next(into: &changes)
        var found: [Hash256] = []
        for index in 0..<count {
            if kind == .run, changes.stamps[index].kind == .tombstone { continue }
            found += try outlinedIDs(changes.rows, index)
        }
        return found
    }

    /// The blobs that a leaf page refers to, if the blob is one. The page states its key types.
    /// - Throws: `damaged`.
    /// - Complexity: O(columns), unless there are any.
    static func outlinedIDs(
        of plain: RawSpan, _ type: BlobType
    ) throws(VarveError) -> [Hash256] {
        guard type == .imageLeaf || type == .runLeaf,
            try LeafPageReader.namesOutlined(plain)
        else { return [] }
        return try outlinedIDs(
            plain.copyBytes(), type == .imageLeaf ? .image : .run, PageProof.schema(of: plain))
    }
}
