import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Blobs that trees need and no sound pack has.

extension RepositoryRepair {
    /// Takes what is missing from the other repository.
    func takeBlobs(_ repository: Repository, _ intent: Intent) throws {
        if let other {
            for table in try other.catalog(for: .reading).tables {
                // What its commits and layouts carry counts, too.
                _ = try other.history(table.id, table.record, for: .reading)
            }
        }
        var walk = BlobWalk(self, repository)
        try walk.run(intent)
        try walk.rescue.finish()
        lostBlobs = walk.lost
        lostParts = walk.lostParts
        for pack in soundPacks.keys.sorted() {
            let path = ObjectName.pack(pack).path
            guard let metadata = try store.metadataIfPresent(path) else { continue }
            for entry in try repository.blobs.footerEntries(
                ObjectEntry(name: path, metadata: metadata))
            where !walk.reaches(entry.id) {
                unnamed.blobs += 1
                unnamed.bytes += UInt64(entry.storedBytes)
            }
        }
        guard walk.rescue.blobCount > 0 else { return }
        let indexed = madeIndex
        try publishIndex(of: walk.rescue.packs, repository)
        madeIndex = indexed ?? madeIndex
        note(
            .takenBlobs, other?.store.location ?? "",
            "\(walk.rescue.blobCount) blobs, \(walk.rescue.storedBytes) bytes")
        try repository.blobs.reload()
    }
}

/// Goes through all trees, and looks for what they name. Reads the leaves, too: they alone tell
/// which large values are needed.
private struct BlobWalk {
    private let repair: RepositoryRepair
    private let repository: Repository
    let rescue: PackRescue
    /// Blobs that neither repository has.
    private(set) var lost: [Hash256: BlobType] = [:]
    /// What that means for each table.
    private(set) var lostParts: [TableID: LostParts] = [:]
    private var visited: Set<Hash256> = []
    /// Of pages that lack something, themselves or below them: what is lost.
    private var broken: [Hash256: Set<Hash256>] = [:]

    init(_ repair: RepositoryRepair, _ repository: Repository) {
        self.repair = repair
        self.repository = repository
        rescue = PackRescue(repair, repository)
    }

    /// Whether some tree names the blob.
    func reaches(_ id: Hash256) -> Bool { visited.contains(id) }

    mutating func run(_ intent: Intent) throws {
        for (id, record) in try repository.catalog(for: .reading).tables {
            var parts = LostParts()
            let history = try repository.history(id, record, for: .reading)
            for piece in history.pieces {
                try repair.checkStop()
                try intent.refreshIfDue()
                let kind: TreeKind = piece.kind == .image ? .image : .run
                if !piece.tree.isEmpty {
                    try visit(piece.tree.root, kind, Int(piece.tree.height))
                }
                if let root = piece.timeList { try visit(root, .timeList) }
                let lost = [piece.tree.root, piece.timeList].compactMap { $0 }
                    .compactMap { broken[$0] }
                if lost.isEmpty { continue }
                parts.pieces.insert(piece)
                for blobs in lost { parts.blobs.formUnion(blobs) }
            }
            if let root = history.layout?.checkpoints {
                try visit(root, .checkpoints)
                parts.blobs.formUnion(broken[root] ?? [])
            }
            if !parts.isEmpty { lostParts[id] = parts }
        }
    }

    /// Remembers that a page lacks what one below it lacks, or the page itself.
    private mutating func pass(_ below: Hash256, to page: Hash256) {
        if let blobs = broken[below] { broken[page, default: []].formUnion(blobs) }
    }

    /// A blob's plain bytes, from wherever they can be had; nil if they are lost.
    private mutating func plain(_ id: Hash256, _ types: [BlobType]) throws -> [UInt8]? {
        do throws(VarveError) {
            return try repository.blobs.plain(id, asAnyOf: types)
        } catch {
            guard error.code == .damaged else { throw error }
        }
        guard let other = repair.other else {
            lost[id] = types[0]
            broken[id] = [id]
            return nil
        }
        do throws(VarveError) {
            let found = try other.blobs.proven(id, asAnyOf: types)
            try rescue.add(found.blob.bytes.raw)
            return found.plain
        } catch {
            guard error.code == .damaged else { throw error }
            lost[id] = types[0]
            broken[id] = [id]
            return nil
        }
    }

    private mutating func visit(_ id: Hash256, _ kind: TreeKind, _ level: Int) throws {
        if !visited.insert(id).inserted { return }
        if level == 0 {
            try visitLeaf(id, kind)
            return
        }
        // Its id proves the page: one that no grammar fits was written so, and verifying tells it.
        guard let plain = try plain(id, [kind == .image ? .imageIndex : .runIndex]),
            let page = try? IndexPage(plain.raw, kind: kind), Int(page.level) == level
        else { return }
        for child in page.children {
            try visit(child.id, kind, level - 1)
            pass(child.id, to: id)
        }
    }

    private mutating func visitLeaf(_ id: Hash256, _ kind: TreeKind) throws {
        guard let plain = try plain(id, [kind.leafType]) else { return }
        for value in try Outlining.outlinedIDs(of: plain.raw, kind.leafType) {
            if visited.insert(value).inserted { _ = try self.plain(value, [.outlinedValue]) }
            pass(value, to: id)
        }
    }

    private mutating func visit(_ id: Hash256, _ kind: SpanIndexPage.Kind) throws {
        if !visited.insert(id).inserted { return }
        let leaf: BlobType = kind == .timeList ? .timeList : .checkpointLeaf
        let index: BlobType = kind == .timeList ? .timeListIndex : .checkpointIndex
        guard let plain = try plain(id, [leaf, index]), plain.first == index.rawValue,
            let page = try? SpanIndexPage(plain.raw, kind: kind)
        else { return }
        for child in page.children {
            try visit(child.id, kind)
            pass(child.id, to: id)
        }
    }
}
