import Synchronization
import VarveBytes
import VarveFormat
import VarveStorage

/// Finds and reads blobs: in what commits carry, by the indexes, and, for packs that no index
/// lists, by the packs' footers. Source: Spec 08, 11.
///
/// Safe to use from several threads: what changes is behind one lock, held only for look-ups.
final class BlobStore: Sendable {
    /// An index of packs and its name.
    private struct NamedIndex: Sendable {
        var name: Hash256
        var reader: PackIndexReader
    }

    private struct State {
        /// Blob records that commits and layouts carry.
        var inline: [Hash256: [UInt8]] = [:]
        var indexes: [NamedIndex] = []
        var loaded: Set<Hash256> = []
        /// Packs without an index; nil until somebody asked.
        var unindexed: [Hash256: StoredPack]?
        var unindexedBlobs: [Hash256: FoundBlob] = [:]
        /// Times that the indexes were read anew without finding the blob that was missing.
        var fruitlessReloads = 0
    }

    let store: any ObjectStore
    private let state = Mutex(State())

    init(_ store: any ObjectStore) throws(VarveError) {
        self.store = store
        try loadIndexes()
    }

    /// Reads the indexes that are new since the last time.
    func loadIndexes() throws(VarveError) {
        for entry in try store.list(ObjectName.indexesPrefix) {
            guard case .index(let name)? = ObjectName(path: entry.name) else { continue }
            if state.withLock({ $0.loaded.contains(name) }) { continue }
            // Of an index that is gone, damaged or of another version the blobs are found all the
            // same: by the index that replaced it, or by the packs' footers. `verify` reports it.
            guard let reader = try openIndexIfSound(entry) else { continue }
            state.withLock {
                $0.indexes.append(NamedIndex(name: name, reader: reader))
                $0.loaded.insert(name)
            }
        }
    }

    /// Reads the indexes anew: forgets those that are gone, and what was known of packs without
    /// one.
    func reload() throws(VarveError) {
        var present: Set<Hash256> = []
        for entry in try store.list(ObjectName.indexesPrefix) {
            if case .index(let name)? = ObjectName(path: entry.name) { present.insert(name) }
        }
        state.withLock { state in
            state.indexes.removeAll { !present.contains($0.name) }
            state.loaded.formIntersection(present)
            state.unindexed = nil
            state.unindexedBlobs = [:]
        }
        try loadIndexes()
    }

    private func openIndexIfSound(_ entry: ObjectEntry) throws(VarveError) -> PackIndexReader? {
        do throws(VarveError) {
            return try openIndex(entry)
        } catch {
            if [.notFound, .damaged, .unsupported].contains(error.code) { return nil }
            throw error
        }
    }

    func openIndex(_ entry: ObjectEntry) throws(VarveError) -> PackIndexReader {
        let store = self.store
        let path = entry.name
        let source = ByteRanges(byteCount: entry.size) {
            (range, output) throws(VarveError) in try store.read(path, range, into: &output)
        }
        return try PackIndexReader(source)
    }

    /// Makes the blobs known that a commit or a layout carries.
    /// - Parameter records: blob records, one after another; what stands behind a damaged one is
    ///   not found, and whoever needs it is told so.
    func addInline(_ records: [UInt8]) {
        var found: [Hash256: [UInt8]] = [:]
        var start = 0
        while start < records.count, let size = Self.firstRecord(records, start, &found) {
            start += size
        }
        if found.isEmpty { return }
        state.withLock { $0.inline.merge(found) { old, _ in old } }
    }

    /// Takes the record at `start`; nil if it is damaged, else its size.
    private static func firstRecord(
        _ records: [UInt8], _ start: Int, _ found: inout [Hash256: [UInt8]]
    ) -> Int? {
        let rest = records.raw.part(start, records.count)
        var cursor = ByteCursor(rest)
        guard let header = try? BlobRecord(header: &cursor), header.size <= rest.byteCount else {
            return nil
        }
        found[header.id] = rest.part(0, header.size).copyBytes()
        return header.size
    }

    // MARK: Finding

    /// Where a blob is in a pack; nil if no pack has it.
    func location(of id: Hash256) throws(VarveError) -> FoundBlob? {
        let indexes = state.withLock { $0.indexes }
        for index in indexes.reversed() {
            if let place = try location(of: id, in: index) {
                return FoundBlob(pack: place.pack, entry: place.entry, isUnindexed: false)
            }
        }
        try loadUnindexed()
        return state.withLock { $0.unindexedBlobs[id] }
    }

    /// Looks into one index. A large one is not proven when it is opened: if it turns out to be
    /// damaged, it counts as gone, and the footers of its packs take its place.
    private func location(
        of id: Hash256, in index: NamedIndex, where accepts: (Hash256) -> Bool = { _ in true }
    ) throws(VarveError) -> BlobLocation? {
        do throws(VarveError) {
            return try index.reader.location(of: id, where: accepts)
        } catch {
            guard error.code == .damaged || error.code == .notFound else { throw error }
            state.withLock { state in
                state.indexes.removeAll { $0.name == index.name }
                state.unindexed = nil
                state.unindexedBlobs = [:]
            }
            return nil
        }
    }

    /// Every place of a blob in a pack that an index lists.
    func indexedLocations(of id: Hash256) throws(VarveError) -> [FoundBlob] {
        var found: [FoundBlob] = []
        for index in state.withLock({ $0.indexes }).reversed() {
            while let place = try location(
                of: id, in: index, where: { name in !found.contains { $0.pack == name } })
            {
                found.append(
                    FoundBlob(pack: place.pack, entry: place.entry, isUnindexed: false))
            }
        }
        return found
    }

    /// Whether the repository has the blob, in a pack or carried by a commit.
    func contains(_ id: Hash256) throws(VarveError) -> Bool {
        if isCarried(id) { return true }
        return try location(of: id) != nil
    }

    /// Whether a commit or a layout carries the blob.
    func isCarried(_ id: Hash256) -> Bool { state.withLock { $0.inline[id] != nil } }

    /// Reads the footers of packs that no index lists, once.
    private func loadUnindexed() throws(VarveError) {
        if state.withLock({ $0.unindexed != nil }) { return }
        let listed = Set(state.withLock { $0.indexes }.flatMap { $0.reader.packs.map(\.name) })
        var packs: [Hash256: StoredPack] = [:]
        var blobs: [Hash256: FoundBlob] = [:]
        for entry in try store.list(ObjectName.packsPrefix) {
            guard case .pack(let name)? = ObjectName(path: entry.name), !listed.contains(name)
            else { continue }
            let entries: [PackEntry]
            do throws(VarveError) {
                entries = try footerEntries(entry)
            } catch {
                // A pack that is damaged or gone holds nothing that could be relied on. Of one
                // that the store cannot read now nobody may think so.
                guard error.code == .damaged || error.code == .notFound else { throw error }
                continue
            }
            packs[name] = StoredPack(name: name, size: UInt64(entry.size), entries: entries)
            for blob in entries {
                blobs[blob.id] = FoundBlob(pack: name, entry: blob, isUnindexed: true)
            }
        }
        state.withLock {
            $0.unindexed = packs
            $0.unindexedBlobs = blobs
        }
    }

    func footerEntries(_ pack: ObjectEntry) throws(VarveError) -> [PackEntry] {
        if pack.size < Pack.footerSize {
            throw VarveError(.damaged, "the pack is too short", at: pack.name)
        }
        let tail = try store.read(pack.name, pack.size - Pack.footerSize..<pack.size)
        let footer = try PackFooter(tail.raw, packSize: pack.size)
        let index = try store.read(pack.name, footer.indexRange)
        return try footer.entries(index.raw)
    }

    /// Packs that indexes name, whether they are there or not.
    var indexedPacks: Set<Hash256> {
        Set(state.withLock { $0.indexes }.flatMap { $0.reader.packs.map(\.name) })
    }

    /// Packs that no index lists.
    var unindexedPacks: [StoredPack] {
        get throws(VarveError) {
            try loadUnindexed()
            return state.withLock { $0.unindexed.map { Array($0.values) } ?? [] }
        }
    }

    /// A pack that no index lists; nil if one does by now.
    func unindexedPack(_ name: Hash256) throws(VarveError) -> StoredPack? {
        try loadUnindexed()
        if indexedPacks.contains(name) { return nil }
        guard let pack = state.withLock({ $0.unindexed?[name] }) else {
            throw VarveError(.damaged, "the pack is gone", at: ObjectName.pack(name).path)
        }
        return pack
    }

    // MARK: Reading

    /// A blob's record: header and stored bytes.
    func record(_ id: Hash256) throws(VarveError) -> EncodedBlob {
        if let bytes = state.withLock({ $0.inline[id] }) {
            var cursor = ByteCursor(bytes.raw)
            let header = try BlobRecord(header: &cursor)
            return EncodedBlob(id: id, record: bytes, plainBytes: Int(header.plainBytes))
        }
        guard let place = try location(of: id) else {
            throw VarveError(.notFound, "no pack has the blob", at: "blob \(id)")
        }
        let bytes = try store.read(ObjectName.pack(place.pack).path, place.entry.range)
        return EncodedBlob(id: id, record: bytes, plainBytes: Int(place.entry.plainBytes))
    }

    /// A blob's plain bytes, proven by its id.
    /// - Throws: `damaged` if it is missing, does not match its id, or is of another type.
    func plain(_ id: Hash256, as type: BlobType) throws(VarveError) -> [UInt8] {
        try plain(id, asAnyOf: [type])
    }

    func plain(_ id: Hash256, asAnyOf types: [BlobType]) throws(VarveError) -> [UInt8] {
        do throws(VarveError) {
            return try Self.decode(try recordAfterReload(id), as: types)
        } catch {
            if let bytes = try plainOfAnotherCopy(id, asAnyOf: types) { return bytes }
            throw error
        }
    }

    /// A collector may have moved the blob: then its new pack is in a new index.
    func recordAfterReload(_ id: Hash256) throws(VarveError) -> EncodedBlob {
        do throws(VarveError) {
            return try record(id)
        } catch {
            guard error.code == .notFound else { throw error }
        }
        var message = "no pack has the blob"
        if try reloadForMissing() {
            do throws(VarveError) {
                let found = try record(id)
                state.withLock { $0.fruitlessReloads = 0 }
                return found
            } catch {
                guard error.code == .notFound else { throw error }
                message = error.message
            }
        }
        // One index may name a pack that is gone, and another one that is there.
        if let blob = try recordOfAnotherCopy(id) { return blob }
        throw VarveError(.damaged, message, at: "blob \(id)")
    }

    /// Where a blob is, looked for again if a collector may have moved it.
    func locationAfterReload(of id: Hash256) throws(VarveError) -> FoundBlob? {
        if let place = try location(of: id) { return place }
        guard try reloadForMissing(), let place = try location(of: id) else { return nil }
        state.withLock { $0.fruitlessReloads = 0 }
        return place
    }

    /// Reads the indexes anew because a blob is missing, unless that was of no use so often that
    /// blobs are rather lost than moved.
    private func reloadForMissing() throws(VarveError) -> Bool {
        let isWorthIt = state.withLock { state in
            state.fruitlessReloads += 1
            return state.fruitlessReloads <= Self.fruitlessReloadsMax
        }
        if isWorthIt { try reload() }
        return isWorthIt
    }

    private static let fruitlessReloadsMax = 16

    static func decode(
        _ blob: EncodedBlob, as types: [BlobType]
    ) throws(VarveError) -> [UInt8] {
        var output = ByteWriter(capacity: blob.plainBytes)
        do throws(VarveError) {
            let header = try BlobRecord.read(blob.bytes.raw, into: &output)
            guard header.id == blob.id, types.contains(header.type) else {
                throw VarveError(.damaged, "another blob stands in its place")
            }
        } catch {
            throw error.located(in: "blob \(blob.id)")
        }
        return output.takeBytes()
    }
}

extension Repository {
    /// Indexes greater in number than this are merged. Source: Spec 08.
    static let indexCountMax = 8

    /// Publishes an index of packs.
    func publishIndex(of packs: [StoredPack]) throws(VarveError) {
        var builder = PackIndexBuilder()
        for pack in packs {
            builder.add(pack: pack.name, size: Int(pack.size), entries: pack.entries)
        }
        let index = builder.finish()
        // If it exists, then an attempt before this one published the very same index.
        _ = try store.createIfAbsent(ObjectName.index(index.name).path, index.bytes)
        try blobs.loadIndexes()
    }
}
