import VarveBytes
import VarveFormat
import VarveStorage

// Blobs that lie in several packs, or whose index tells a wrong place.

extension BlobStore {
    /// A blob's plain bytes from any place that holds it, after the first that was looked up had
    /// failed. Slow, and only then. What fails here is not told: that first failure is.
    /// - Returns: nil if no copy is sound.
    func plainOfAnotherCopy(_ id: Hash256, asAnyOf types: [BlobType]) -> [UInt8]? {
        guard let places = try? copies(of: id) else { return nil }
        for place in places {
            guard let bytes = try? store.read(ObjectName.pack(place.pack).path, place.entry.range)
            else { continue }
            let blob = EncodedBlob(
                id: id, record: bytes, plainBytes: Int(place.entry.plainBytes))
            if let plain = try? Self.decode(blob, as: types) { return plain }
        }
        return nil
    }

    /// A blob's record from any place that holds it, as its header says; else as above.
    func recordOfAnotherCopy(_ id: Hash256) -> EncodedBlob? {
        guard let places = try? copies(of: id) else { return nil }
        for place in places {
            guard let bytes = try? store.read(ObjectName.pack(place.pack).path, place.entry.range)
            else { continue }
            var cursor = ByteCursor(bytes.raw)
            guard let header = try? BlobRecord(header: &cursor), header.id == id else { continue }
            return EncodedBlob(id: id, record: bytes, plainBytes: Int(place.entry.plainBytes))
        }
        return nil
    }

    /// Every place that any index or footer tells.
    func copies(of id: Hash256) throws(VarveError) -> [FoundBlob] {
        let indexed = try indexedLocations(of: id)
        var places = indexed
        for pack in try unindexedPacks {
            for entry in pack.entries where entry.id == id {
                places.append(FoundBlob(pack: pack.name, entry: entry, isUnindexed: true))
            }
        }
        // An index may tell a wrong place; what the pack itself says may be right.
        for place in indexed {
            let path = ObjectName.pack(place.pack).path
            guard let metadata = try? store.metadata(path),
                let entries = try? footerEntries(
                    ObjectEntry(name: path, metadata: metadata))
            else { continue }
            for entry in entries where entry.id == id && entry.range != place.entry.range {
                places.append(FoundBlob(pack: place.pack, entry: entry, isUnindexed: false))
            }
        }
        return places
    }
}
