import VarveBytes
import VarveFormat

/// Pages of a table that its roots reach, with everything below them in packs: whoever finds one of
/// them need not look below it.
///
/// What a commit or a layout carries itself goes with that object, and so do the pages that need
/// it. Memory: an id a page.
struct KnownPages {
    private let blobs: BlobStore
    private let carried: Set<Hash256>
    private(set) var ids: Set<Hash256> = []

    /// - Complexity: reads the index pages.
    init(_ repository: Repository, _ history: TableHistory) {
        blobs = repository.blobs
        var carried: Set<Hash256> = []
        var carriesValues = false
        for bytes in history.commits.map(\.inline) + [history.layout?.inline ?? []] {
            // What stands behind a damaged record nobody knows: then no page is relied on.
            guard let inline = try? InlineBlobs(bytes) else {
                carriesValues = true
                continue
            }
            for record in inline.records {
                carried.insert(record.id)
                if record.type == .outlinedValue { carriesValues = true }
            }
        }
        self.carried = carried
        // Only the leaves know which of them need a large value.
        if carriesValues { return }
        for piece in history.pieces {
            if !piece.tree.isEmpty {
                let kind: TreeKind = piece.kind == .image ? .image : .run
                _ = add(piece.tree.root, kind, level: Int(piece.tree.height))
            }
            if let list = piece.timeList { _ = add(list, .timeList) }
        }
        if let checkpoints = history.layout?.checkpoints { _ = add(checkpoints, .checkpoints) }
    }

    /// - Returns: whether all of the subtree is in packs, as far as index pages tell.
    private mutating func add(_ id: Hash256, _ kind: TreeKind, level: Int) -> Bool {
        if ids.contains(id) { return true }
        if carried.contains(id) { return false }
        var isWhole = true
        if level > 0 {
            // A page that cannot be read is no page to rely on.
            guard let children = try? blobs.children(of: id, kind: kind, level: level) else {
                return false
            }
            for child in children where !add(child.id, kind, level: level - 1) { isWhole = false }
        }
        if isWhole { ids.insert(id) }
        return isWhole
    }

    private mutating func add(_ id: Hash256, _ kind: SpanIndexPage.Kind) -> Bool {
        if ids.contains(id) { return true }
        if carried.contains(id) { return false }
        let leaf: BlobType = kind == .timeList ? .timeList : .checkpointLeaf
        let index: BlobType = kind == .timeList ? .timeListIndex : .checkpointIndex
        guard let plain = try? blobs.plain(id, asAnyOf: [leaf, index]) else { return false }
        var isWhole = true
        if plain.first == index.rawValue {
            guard let page = try? SpanIndexPage(plain.raw, kind: kind) else { return false }
            for child in page.children {
                if page.level > 1 {
                    if !add(child.id, kind) { isWhole = false }
                } else if carried.contains(child.id) {
                    isWhole = false
                } else {
                    ids.insert(child.id)
                }
            }
        }
        if isWhole { ids.insert(id) }
        return isWhole
    }
}
