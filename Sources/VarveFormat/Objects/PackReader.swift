public import VarveBytes

/// The last bytes of a pack: where its index is. Source: Spec 08, "Pack".
public struct PackFooter: Hashable, Sendable {
    /// Offset of the index; the end of the blob records.
    public let indexOffset: Int
    public let blobCount: Int
    let checksum: UInt32

    /// Where the index lies in the pack.
    public var indexRange: Range<Int> {
        indexOffset..<indexOffset + blobCount * PackEntry.size
    }

    /// Reads the last `Pack.footerSize` bytes of a pack of `packSize` bytes.
    /// - Throws: `damaged`.
    public init(_ bytes: RawSpan, packSize: Int) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        let offset = try cursor.u64()
        let count = try cursor.u32()
        checksum = try cursor.u32()
        let magic = try cursor.u64()
        try cursor.end()
        guard magic == Pack.endMagic else {
            throw VarveError(.damaged, "the pack does not end in a footer: its end is missing")
        }
        let room = packSize - Pack.footerSize - Pack.headerSize
        guard packSize < Pack.sizeLimit, count >= 1, count <= Pack.blobsMax,
            Int(count) * (PackEntry.size + BlobRecord.headerSize + 1) <= room,
            offset == UInt64(packSize - Pack.footerSize - Int(count) * PackEntry.size)
        else { throw VarveError(.damaged, "the pack's footer contradicts its size") }
        indexOffset = Int(offset)
        blobCount = Int(count)
    }

    /// Reads the index: the bytes of `indexRange`.
    /// - Returns: the entries, ascending by id; their records lie one after another, without gaps,
    ///   from the header to the index.
    /// - Throws: `damaged`, `unsupported`.
    public func entries(_ index: RawSpan) throws(VarveError) -> [PackEntry] {
        guard index.byteCount == indexRange.count, crc32(index) == checksum else {
            throw VarveError(.damaged, "the pack's index does not fit its checksum")
        }
        var cursor = ByteCursor(index)
        var entries: [PackEntry] = []
        entries.reserveCapacity(blobCount)
        for _ in 0..<blobCount {
            let entry = try PackEntry(from: &cursor)
            if let last = entries.last, last.id >= entry.id {
                throw VarveError(.damaged, "the pack's index is not ascending by id")
            }
            entries.append(entry)
        }
        var end = Pack.headerSize
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            guard Int(entry.offset) == end else {
                throw VarveError(.damaged, "the blobs that the pack's index names leave a gap")
            }
            end = entry.range.upperBound
        }
        guard end == indexOffset else {
            throw VarveError(.damaged, "the blobs that the pack's index names leave a gap")
        }
        return entries
    }
}

/// Reads packs that are in memory whole. Source: Spec 08, "Pack".
public enum PackReader {
    /// The entries of a pack, by its header, footer and index.
    /// - Throws: `damaged`, `unsupported`.
    public static func entries(of pack: RawSpan) throws(VarveError) -> [PackEntry] {
        guard pack.byteCount >= Pack.sizeMin else {
            throw VarveError(.damaged, "\(pack.byteCount) bytes are too few for a pack")
        }
        try checkHeader(pack.part(0, Pack.headerSize))
        let footer = try PackFooter(
            pack.part(pack.byteCount - Pack.footerSize, pack.byteCount),
            packSize: pack.byteCount)
        return try footer.entries(
            pack.part(footer.indexRange.lowerBound, footer.indexRange.upperBound))
    }

    /// Checks the first `Pack.headerSize` bytes of a pack.
    /// - Throws: `damaged`; `unsupported` for another version, or a pack that is encrypted.
    public static func checkHeader(_ bytes: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        guard try cursor.u64() == Pack.magic else {
            throw VarveError(.damaged, "this is no pack: its first bytes are wrong")
        }
        let version = try cursor.u8()
        guard version == Pack.version else {
            throw VarveError(
                .unsupported,
                "pack version \(version) is not known to this program; use a newer one")
        }
        guard try cursor.u8() == 0 else {
            throw VarveError(
                .unsupported, "the pack is encrypted; this program does not read that yet")
        }
        guard try cursor.u16() == 0, try cursor.u32() == 0, try cursor.hash() == .zero else {
            throw VarveError(.damaged, "a reserved field of the pack's header is not zero")
        }
        try cursor.end()
    }

    /// Proves a whole pack: its name, its index, and that each blob's header stands where the index
    /// says. The name covers the blobs' bytes; `PackEntry.appendPlain` proves their contents.
    /// - Returns: the entries, ascending by id.
    /// - Throws: `damaged`, `unsupported`.
    public static func verify(
        _ pack: RawSpan, name: Hash256
    ) throws(VarveError) -> [PackEntry] {
        guard sha256(pack) == name else {
            throw VarveError(.damaged, "the pack's bytes do not fit its name")
        }
        let entries = try entries(of: pack)
        for entry in entries {
            var cursor = ByteCursor(pack.part(entry.range.lowerBound, entry.range.upperBound))
            guard try BlobRecord(header: &cursor) == entry.record else {
                throw VarveError(
                    .damaged, "a blob's header contradicts the index", at: "offset \(entry.offset)")
            }
        }
        return entries
    }

    /// The bytes of an entry's record.
    /// - Precondition: the entry is of this pack.
    @_lifetime(copy pack)
    public static func record(_ entry: PackEntry, in pack: RawSpan) -> RawSpan {
        pack.part(entry.range.lowerBound, entry.range.upperBound)
    }
}
