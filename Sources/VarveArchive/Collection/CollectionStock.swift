import VarveBytes
import VarveFormat
import VarveStorage

/// The packs of a repository and which of their blobs roots reach.
struct PackStock {
    struct Pack {
        var size: UInt64
        /// Time of last change by the store's clock; microseconds.
        var modified: Int64
        /// Stored bytes of all its blobs, of those that a root reaches, and of those that are kept
        /// for that here rather than in another pack.
        var blobBytes: UInt64 = 0
        var reachedBytes: UInt64 = 0
        var keptBytes: UInt64 = 0

        var isMarked: Bool { keptBytes > 0 }
        var deadShare: Double {
            blobBytes == 0 ? 0 : 1 - Double(keptBytes) / Double(blobBytes)
        }
    }

    /// Every pack that is there.
    private(set) var packs: [Hash256: Pack] = [:]
    /// For each pack the blobs that are kept in it.
    private(set) var kept: [Hash256: [PackEntry]] = [:]
    /// Each index, with the packs that it names.
    private(set) var indexes: [(name: Hash256, size: Int, reader: PackIndexReader)] = []
    private(set) var hasOutlined = false
    private var unindexed: [Hash256: [PackEntry]] = [:]

    /// Lists indexes, then packs: a pack that an index names was there before it.
    init(_ repository: Repository) throws(VarveError) {
        for entry in try repository.store.list(ObjectName.indexesPrefix) {
            guard case .index(let name)? = ObjectName(path: entry.name) else { continue }
            do throws(VarveError) {
                indexes.append((name, entry.size, try repository.blobs.openIndex(entry)))
            } catch {
                // One that another collector replaced, or that is damaged: footers stand in.
                guard error.code == .notFound || error.code == .damaged else { throw error }
            }
        }
        for entry in try repository.store.list(ObjectName.packsPrefix) {
            guard case .pack(let name)? = ObjectName(path: entry.name) else { continue }
            packs[name] = Pack(size: UInt64(entry.size), modified: entry.modified)
        }
        let indexed = Set(indexes.flatMap { $0.reader.packs.map(\.name) })
        for (name, pack) in packs where !indexed.contains(name) {
            let object = ObjectEntry(
                name: ObjectName.pack(name).path,
                metadata: ObjectMetadata(size: Int(pack.size), modified: pack.modified))
            do throws(VarveError) {
                unindexed[name] = try repository.blobs.footerEntries(object)
            } catch {
                // Damaged or just deleted: nothing can rely on it.
                guard error.code == .notFound || error.code == .damaged else { throw error }
            }
        }
        try findOutlined()
    }

    private mutating func findOutlined() throws(VarveError) {
        var found = false
        try forEach { (_, entry) throws(VarveError) in
            if entry.type == .outlinedValue { found = true }
        }
        hasOutlined = found
    }

    /// Ids of all outlined values that a pack holds.
    func outlinedValues() throws(VarveError) -> Set<Hash256> {
        if !hasOutlined { return [] }
        var result: Set<Hash256> = []
        try forEach { (_, entry) throws(VarveError) in
            if entry.type == .outlinedValue { result.insert(entry.id) }
        }
        return result
    }

    /// Calls `body` with every blob of every pack that is there, once for each pack and blob.
    private func forEach(
        _ body: (Hash256, PackEntry) throws(VarveError) -> Void
    ) throws(VarveError) {
        var done: Set<Hash256> = []
        for index in indexes {
            let names = index.reader.packs.map(\.name)
            let isNew = names.map { packs[$0] != nil && !done.contains($0) }
            done.formUnion(names)
            try index.reader.forEach { (ordinal, entry) throws(VarveError) in
                if isNew[ordinal] { try body(names[ordinal], entry) }
            }
        }
        for (pack, entries) in unindexed {
            for entry in entries { try body(pack, entry) }
        }
    }

    /// Marks the packs that hold what roots reach; of a blob in several packs one is kept: in one
    /// that is not about to go, then in the one of which the most is alive.
    /// - Parameters:
    ///   - reached: ids of blobs.
    ///   - last: packs that are marked only if no other holds the blob.
    mutating func mark(_ reached: Set<Hash256>, last: Set<Hash256>) throws(VarveError) {
        var places: [Hash256: [(pack: Hash256, entry: PackEntry)]] = [:]
        for name in packs.keys {
            packs[name]?.blobBytes = 0
            packs[name]?.reachedBytes = 0
            packs[name]?.keptBytes = 0
        }
        kept = [:]
        var marked = packs
        try forEach { (pack, entry) throws(VarveError) in
            let bytes = UInt64(entry.range.count)
            marked[pack]?.blobBytes += bytes
            if !reached.contains(entry.id) { return }
            marked[pack]?.reachedBytes += bytes
            places[entry.id, default: []].append((pack, entry))
        }
        func isBetter(_ a: Hash256, _ b: Hash256) -> Bool {
            let (aLast, bLast) = (last.contains(a), last.contains(b))
            if aLast != bLast { return bLast }
            let (aShare, bShare) = (marked[a]!.reachedShare, marked[b]!.reachedShare)
            return aShare != bShare ? aShare > bShare : a < b
        }
        for candidates in places.values {
            var best = candidates[0]
            for other in candidates.dropFirst() where isBetter(other.pack, best.pack) {
                best = other
            }
            marked[best.pack]?.keptBytes += UInt64(best.entry.range.count)
            kept[best.pack, default: []].append(best.entry)
        }
        packs = marked
    }

    mutating func remove(_ name: Hash256) { packs[name] = nil }
}

extension PackStock.Pack {
    fileprivate var reachedShare: Double {
        blobBytes == 0 ? 0 : Double(reachedBytes) / Double(blobBytes)
    }
}
