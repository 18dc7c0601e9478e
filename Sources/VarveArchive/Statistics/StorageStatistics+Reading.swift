public import VarveBytes
import VarveFormat
import VarveStorage

extension Repository {
    /// Counts what the repository holds and what each backup costs.
    ///
    /// - Parameter exactly: walk the trees, so that pages which images share are told from those
    ///   that belong to one backup: some 60 bytes of memory a page. Else a backup's own bytes are
    ///   those of the images and runs that it alone needs, pages that these share with others
    ///   included.
    /// - Complexity: one listing, the indexes, and each table's history; `exactly`, all index
    ///   pages.
    /// - Throws: `damaged` and what reading throws. For damaged repositories use `verify`.
    public func storageStatistics(exactly: Bool = false) throws(VarveError) -> StorageStatistics {
        var result = StorageStatistics()
        var metadata: [TableID: (objects: UInt64, bytes: UInt64)] = [:]
        for entry in try store.list("") {
            guard let name = ObjectName(path: entry.name) else { continue }
            result.objects += 1
            result.storedBytes += UInt64(entry.size)
            switch name {
            case .pack:
                result.packs += 1
                result.packBytes += UInt64(entry.size)
            case .index:
                result.indexes += 1
                result.indexBytes += UInt64(entry.size)
            case .table(let id), .commit(let id, _), .layout(let id, _), .settings(let id, _),
                .retention(let id, _), .backup(let id, _), .lease(let id):
                metadata[id, default: (0, 0)].objects += 1
                metadata[id, default: (0, 0)].bytes += UInt64(entry.size)
            default: continue
            }
        }
        try countBlobs(in: &result)
        let tables = try tables()
        let titles = TableTitles(tables.map(\.record))
        for (id, record) in tables {
            var table = try storageStatistics(of: try history(id, record), exactly: exactly)
            table.title = titles.title(of: record)
            table.metadataBytes = metadata[id]?.bytes ?? 0
            table.objects = metadata[id]?.objects ?? 0
            result.tables.append(table)
        }
        return result
    }

    /// Counts the blobs that the indexes list, each pack once.
    private func countBlobs(in result: inout StorageStatistics) throws(VarveError) {
        var counted: Set<Hash256> = []
        for entry in try store.list(ObjectName.indexesPrefix) {
            let store = self.store
            let source = ByteRanges(byteCount: entry.size) {
                (range, output) throws(VarveError) in
                try store.read(entry.name, range, into: &output)
            }
            let reader = try PackIndexReader(source)
            let isNew = reader.packs.map { counted.insert($0.name).inserted }
            var sums = result
            try reader.forEach { (pack, entry) throws(VarveError) in
                guard isNew[pack] else { return }
                sums.blobs += 1
                sums.blobBytes += UInt64(entry.range.count)
                sums.plainBytes += UInt64(entry.plainBytes)
            }
            result = sums
        }
    }

    /// Counts what one table's history holds and costs; `objects` and `metadataBytes`
    /// are left 0.
    public func storageStatistics(
        of history: TableHistory, exactly: Bool = false
    ) throws(VarveError) -> TableStorage {
        var result = TableStorage(
            id: history.id, name: history.record.name, ordinal: history.record.ordinal,
            title: history.record.name)
        result.history = try historyStorage(of: history)
        var days = DayCounter(history)
        var checkpoints = history.checkpoints()
        while let checkpoint = try checkpoints.next() {
            if result.history != nil { days.count(checkpoint) }
            result.checkpoints += 1
            result.items = checkpoint.items
            result.itemBytes = checkpoint.bytes
            result.logicalBytes |+= checkpoint.bytes
        }
        result.history?.days = days.finish()
        result.inlineBytes = UInt64(history.layout?.inline.count ?? 0)
        for commit in history.commits { result.inlineBytes += UInt64(commit.inline.count) }
        var costs = TreeCosts(blobs: blobs, isExact: exactly)
        for backup in history.backups {
            let plan = try history.plan(at: backup.instant)
            var found = BackupStorage(
                id: backup.id, name: backup.name, instant: backup.instant, items: backup.items,
                itemBytes: backup.bytes)
            let owner = result.backups.count
            found.runs = plan.runs.count
            found.reachableBytes = try costs.use(plan.image, .image, by: owner)
            for run in plan.runs {
                found.reachableBytes |+= try costs.use(run.tree, .run, by: owner)
            }
            result.backups.append(found)
        }
        for (owner, bytes) in costs.ownBytes() { result.backups[owner].ownBytes = bytes }
        for piece in history.pieces where !piece.tree.isEmpty {
            if piece.kind == .image {
                result.images += 1
                result.imageBytes |+= piece.tree.storedBytes
            } else {
                result.runs += 1
                result.runBytes |+= piece.tree.storedBytes
            }
            if !costs.isUsed(piece.tree.root) { result.unneededBytes |+= piece.tree.storedBytes }
        }
        return result
    }
}

/// Who needs which trees, and which of their pages.
private struct TreeCosts {
    private static let shared = -1

    /// A tree or a page: its stored bytes, and the only one who needs it, or `shared`.
    private struct Cost {
        var bytes: UInt64
        var owner: Int
    }

    private let blobs: BlobStore
    private let isExact: Bool
    /// By root.
    private var trees: [Hash256: Cost] = [:]
    /// By id; only if costs are exact.
    private var pages: [Hash256: Cost] = [:]

    init(blobs: BlobStore, isExact: Bool) {
        self.blobs = blobs
        self.isExact = isExact
    }

    func isUsed(_ root: Hash256) -> Bool { trees[root] != nil }

    /// Enters that somebody needs the tree.
    /// - Returns: its stored bytes.
    mutating func use(
        _ tree: TreeReference, _ kind: TreeKind, by owner: Int
    ) throws(VarveError) -> UInt64 {
        if tree.isEmpty { return 0 }
        let known = trees[tree.root]
        if let known {
            if known.owner != owner { trees[tree.root]?.owner = Self.shared }
        } else {
            trees[tree.root] = Cost(bytes: tree.storedBytes, owner: owner)
        }
        if isExact {
            // Pages count by themselves. What a tree has beyond them are large values: who shares
            // those, only the leaves would tell.
            if known == nil {
                let pages = try pageBytes(tree.root, kind, Int(tree.height))
                trees[tree.root]?.bytes = tree.storedBytes - min(tree.storedBytes, pages)
            }
            try usePage(tree.root, kind, Int(tree.height), by: owner)
        }
        return tree.storedBytes
    }

    /// Enters that somebody needs a page and all below it.
    private mutating func usePage(
        _ id: Hash256, _ kind: TreeKind, _ level: Int, by owner: Int
    ) throws(VarveError) {
        let known = pages[id]
        if let known, known.owner == owner || known.owner == Self.shared { return }
        pages[id] = Cost(
            bytes: try blobs.storedSize(of: id), owner: known == nil ? owner : Self.shared)
        if level == 0 { return }
        for child in try blobs.children(of: id, kind: kind, level: level) {
            try usePage(child.id, kind, level - 1, by: owner)
        }
    }

    /// Stored bytes of a page and all below it.
    private func pageBytes(
        _ id: Hash256, _ kind: TreeKind, _ level: Int
    ) throws(VarveError) -> UInt64 {
        var sum = try blobs.storedSize(of: id)
        if level == 0 { return sum }
        for child in try blobs.children(of: id, kind: kind, level: level) {
            sum |+= try pageBytes(child.id, kind, level - 1)
        }
        return sum
    }

    /// Bytes that only one needs, by who that is.
    func ownBytes() -> [Int: UInt64] {
        var result: [Int: UInt64] = [:]
        for cost in trees.values where cost.owner != Self.shared {
            result[cost.owner, default: 0] |+= cost.bytes
        }
        for cost in pages.values where cost.owner != Self.shared {
            result[cost.owner, default: 0] |+= cost.bytes
        }
        return result
    }
}

extension BlobStore {
    /// Bytes of a blob as stored, with its header.
    func storedSize(of id: Hash256) throws(VarveError) -> UInt64 {
        if let place = try location(of: id) { return UInt64(place.entry.range.count) }
        return UInt64(try record(id).bytes.count)
    }
}
