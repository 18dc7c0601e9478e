import VarveBytes
import VarveFormat
import VarveModel

/// The blobs that roots reach: what collection must keep. Source: Spec 11, Collection.
///
/// Index pages are read; leaf pages only where outlined values are to be found, which stand in
/// leaves alone. Memory: an id for each blob reached.
struct BlobReach {
    private let repository: Repository
    /// Whether leaf pages are read for the outlined values that they name.
    private let readsLeaves: Bool
    private(set) var ids: Set<Hash256> = []

    init(_ repository: Repository, readsLeaves: Bool) {
        self.repository = repository
        self.readsLeaves = readsLeaves
    }

    mutating func add(_ pieces: [Piece], schema: KeySchema) throws {
        for piece in pieces {
            if !piece.tree.isEmpty {
                let kind: TreeKind = piece.kind == .image ? .image : .run
                try add(piece.tree.root, Int(piece.tree.height), kind, schema)
            }
            if let root = piece.timeList { try addSpans(root, .timeList) }
        }
    }

    mutating func add(checkpoints root: Hash256?) throws {
        if let root { try addSpans(root, .checkpoints) }
    }

    private mutating func add(
        _ id: Hash256, _ level: Int, _ kind: TreeKind, _ schema: KeySchema
    ) throws {
        if !ids.insert(id).inserted { return }
        if level == 0 {
            if readsLeaves { try addValues(id, kind, schema) }
            return
        }
        let plain = try repository.blobs.plain(
            id, as: kind == .image ? .imageIndex : .runIndex)
        let page = try IndexPage(plain.raw, kind: kind)
        guard Int(page.level) == level else {
            throw VarveError(.damaged, "an index page is of level \(page.level)", at: "blob \(id)")
        }
        for child in page.children { try add(child.id, level - 1, kind, schema) }
    }

    private mutating func addValues(
        _ id: Hash256, _ kind: TreeKind, _ schema: KeySchema
    ) throws {
        let plain = try repository.blobs.plain(id, as: kind == .image ? .imageLeaf : .runLeaf)
        var page = LeafPageReader(schema: schema)
        try page.open(plain, kind: kind)
        guard page.hasOutlined else { return }
        var changes = ChangeBuffer()
        let count =
            kind == .image ? try page.next(into: &changes.rows) : try page.next(into: &changes)
        for index in 0..<count {
            if kind == .run, changes.stamps[index].kind == .tombstone { continue }
            for value in try Outlining.outlinedIDs(changes.rows, index) { ids.insert(value) }
        }
    }

    private mutating func addSpans(_ root: Hash256, _ kind: SpanIndexPage.Kind) throws {
        let leaf: BlobType = kind == .timeList ? .timeList : .checkpointLeaf
        let index: BlobType = kind == .timeList ? .timeListIndex : .checkpointIndex
        var waiting = [root]
        while let id = waiting.popLast() {
            if !ids.insert(id).inserted { continue }
            let plain = try repository.blobs.plain(id, asAnyOf: [leaf, index])
            guard plain.first == index.rawValue else { continue }
            let page = try SpanIndexPage(plain.raw, kind: kind)
            if page.level == 1 {
                // Leaves: they need not be read.
                ids.formUnion(page.children.map(\.id))
            } else {
                waiting += page.children.map(\.id)
            }
        }
    }
}

extension Outlining {
    /// The blobs that row `index` refers to.
    static func outlinedIDs(
        _ rows: borrowing RowBuffer, _ index: Int
    ) throws(VarveError) -> [Hash256] {
        var found: [Hash256] = []
        var whole = ByteWriter(capacity: 1 << 12)
        // The values themselves do not matter here: as many zeros serve.
        try expand(rows.value(index), into: &whole) { (id, length, output) throws(VarveError) in
            found.append(id)
            output.append(repeating: 0, count: length)
        }
        return found
    }
}

/// The blob records of a commit or a layout.
struct InlineBlobs {
    struct Record {
        var id: Hash256
        var type: BlobType
        /// Header and stored bytes.
        var bytes: [UInt8]
    }

    private(set) var records: [Record] = []

    /// - Parameter bytes: blob records, one after another.
    init(_ bytes: [UInt8]) throws(VarveError) {
        var start = 0
        while start < bytes.count {
            let rest = bytes.raw.part(start, bytes.count)
            var cursor = ByteCursor(rest)
            let header = try BlobRecord(header: &cursor)
            guard header.size <= rest.byteCount else {
                throw VarveError(.damaged, "a blob record ends too early")
            }
            records.append(
                Record(
                    id: header.id, type: header.type,
                    bytes: rest.part(0, header.size).copyBytes()))
            start += header.size
        }
    }
}
