public import VarveBytes

/// A finished pack index.
public struct SealedIndex: Sendable {
    /// SHA-256 of all bytes.
    public let name: Hash256
    public let bytes: [UInt8]
    public let packs: [IndexedPack]
    public let blobCount: Int
}

/// Collects the entries of packs, and of other indexes, into one index.
///
/// Memory: 56 bytes for each blob until `finish`, and the index itself.
/// Source: Spec 08, "Pack index".
public struct PackIndexBuilder: Sendable {
    private struct Row {
        let entry: PackEntry
        var pack: UInt32
    }

    private var packs: [IndexedPack] = []
    private var ordinals: [Hash256: UInt32] = [:]
    private var rows: [Row] = []

    public init() {}

    public var blobCount: Int { rows.count }
    public var packCount: Int { packs.count }
    public var isEmpty: Bool { packs.isEmpty }

    /// Bytes that the index would have if it were finished now.
    public var byteCount: Int {
        PackIndexShape(packCount: packs.count, blobCount: rows.count).byteCount
    }

    /// Adds a pack with its blobs, unless it was added before.
    public mutating func add(pack name: Hash256, size: Int, entries: [PackEntry]) {
        guard let ordinal = register(IndexedPack(name: name, size: size)) else { return }
        for entry in entries { rows.append(Row(entry: entry, pack: ordinal)) }
    }

    public mutating func add(_ pack: SealedPack) {
        add(pack: pack.name, size: pack.bytes.count, entries: pack.entries)
    }

    /// Adds the packs of another index that were not added before.
    /// - Parameter dropping: leaves these packs out: they are to be deleted.
    /// - Throws: `damaged`, or what reading throws; then the builder is of no use.
    public mutating func add(
        _ index: PackIndexReader, dropping: Set<Hash256> = []
    ) throws(VarveError) {
        var map: [UInt32?] = []
        for pack in index.packs {
            map.append(dropping.contains(pack.name) ? nil : register(pack))
        }
        rows.reserveCapacity(rows.count + index.blobCount)
        try index.forEach { (ordinal, entry) throws(VarveError) in
            if let pack = map[ordinal] { rows.append(Row(entry: entry, pack: pack)) }
        }
    }

    private mutating func register(_ pack: IndexedPack) -> UInt32? {
        if ordinals[pack.name] != nil { return nil }
        let ordinal = UInt32(packs.count)
        ordinals[pack.name] = ordinal
        packs.append(pack)
        return ordinal
    }

    /// Makes the index; the builder is empty afterwards. Complexity: O(n log n).
    /// - Precondition: a pack was added, and each has a blob.
    public mutating func finish() -> SealedIndex {
        precondition(!packs.isEmpty && rows.count >= packs.count, "an index of nothing")
        // Packs ascending by name, and the rows' ordinals with them.
        let order = packs.indices.sorted { packs[$0].name < packs[$1].name }
        var renumbered = [UInt32](repeating: 0, count: packs.count)
        for (new, old) in order.enumerated() { renumbered[old] = UInt32(new) }
        let sorted = order.map { packs[$0] }
        for index in rows.indices { rows[index].pack = renumbered[Int(rows[index].pack)] }
        rows.sort {
            $0.entry.id == $1.entry.id ? $0.pack < $1.pack : $0.entry.id < $1.entry.id
        }

        var writer = ByteWriter(capacity: byteCount)
        writeHead(into: &writer)
        for row in rows { writer.append(row.entry.id) }
        for row in rows { writer.append(u32: row.pack) }
        for row in rows { writer.append(u32: row.entry.offset) }
        for row in rows { writer.append(u32: row.entry.storedBytes) }
        for row in rows { writer.append(u32: row.entry.plainBytes) }
        for row in rows { writer.append(u32: row.entry.kind) }
        for pack in sorted {
            writer.append(pack.name)
            writer.append(u64: UInt64(pack.size))
        }
        writer.append(sha256(writer.bytes))
        let blobCount = rows.count
        self = PackIndexBuilder()
        return SealedIndex(
            name: sha256(writer.bytes), bytes: writer.takeBytes(), packs: sorted,
            blobCount: blobCount)
    }

    private func writeHead(into writer: inout ByteWriter) {
        writer.append(u64: PackIndexShape.magic)
        writer.append(u32: UInt32(PackIndexShape.version))
        writer.append(u32: UInt32(packs.count))
        writer.append(u32: UInt32(rows.count))
        writer.append(u32: 0)
        var counts = [UInt32](repeating: 0, count: 256)
        for row in rows { counts[Int(row.entry.id.firstByte)] += 1 }
        var sum: UInt32 = 0
        for count in counts {
            sum += count
            writer.append(u32: sum)
        }
    }
}
