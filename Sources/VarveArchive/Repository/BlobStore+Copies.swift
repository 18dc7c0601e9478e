import VarveBytes
import VarveFormat
import VarveStorage

// Blobs that lie in several packs, or whose index tells a wrong place.

extension BlobStore {
    /// A blob's plain bytes from any place that holds it, after the first that was looked up had
    /// failed. Slow, and only then.
    /// - Returns: nil if no copy is sound.
    /// - Throws: what the store throws, if no copy is sound as far as it can be read: then nobody
    ///   knows whether the blob is lost.
    func plainOfAnotherCopy(
        _ id: Hash256, asAnyOf types: [BlobType]
    ) throws(VarveError) -> [UInt8]? {
        try ofAnotherCopy(id) { (bytes, entry) throws(VarveError) in
            let blob = EncodedBlob(id: id, record: bytes, plainBytes: Int(entry.plainBytes))
            return try Self.decode(blob, as: types)
        }
    }

    /// A blob's record from any place that holds it, as its header says; else as above.
    func recordOfAnotherCopy(_ id: Hash256) throws(VarveError) -> EncodedBlob? {
        try ofAnotherCopy(id) { (bytes, entry) throws(VarveError) in
            var cursor = ByteCursor(bytes.raw)
            if try BlobRecord(header: &cursor).id != id { return nil }
            return EncodedBlob(id: id, record: bytes, plainBytes: Int(entry.plainBytes))
        }
    }

    /// What the first sound copy gives.
    private func ofAnotherCopy<Value>(
        _ id: Hash256, _ make: ([UInt8], PackEntry) throws(VarveError) -> Value?
    ) throws(VarveError) -> Value? {
        let found = try places(of: id)
        var unreadable = found.unreadable
        for place in found.places {
            do throws(VarveError) {
                let pack = ObjectName.pack(place.pack).path
                let bytes = try store.read(pack, place.entry.range)
                if let value = try make(bytes, place.entry) { return value }
            } catch {
                if error.isOfTheStore { unreadable = unreadable ?? error }
            }
        }
        if let unreadable { throw unreadable }
        return nil
    }

    /// Every place that any index or footer tells, as far as footers can be read.
    func copies(of id: Hash256) throws(VarveError) -> [FoundBlob] { try places(of: id).places }

    private func places(
        of id: Hash256
    ) throws(VarveError) -> (places: [FoundBlob], unreadable: VarveError?) {
        let indexed = try indexedLocations(of: id)
        var places = indexed
        for pack in try unindexedPacks {
            for entry in pack.entries where entry.id == id {
                places.append(FoundBlob(pack: pack.name, entry: entry, isUnindexed: true))
            }
        }
        // An index may tell a wrong place; what the pack itself says may be right.
        var unreadable: VarveError?
        for place in indexed {
            let path = ObjectName.pack(place.pack).path
            do throws(VarveError) {
                let metadata = try store.metadata(path)
                let entries = try footerEntries(ObjectEntry(name: path, metadata: metadata))
                for entry in entries where entry.id == id && entry.range != place.entry.range {
                    places.append(FoundBlob(pack: place.pack, entry: entry, isUnindexed: false))
                }
            } catch {
                if error.isOfTheStore { unreadable = unreadable ?? error }
            }
        }
        return (places, unreadable)
    }
}

extension VarveError {
    /// Whether the store did not answer, so that nobody knows what it holds: not damage.
    fileprivate var isOfTheStore: Bool {
        ![.damaged, .notFound, .unsupported].contains(code)
    }
}
