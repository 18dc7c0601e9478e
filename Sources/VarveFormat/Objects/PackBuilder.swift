public import VarveBytes

/// The measures of packs. Source: Spec 08, "Pack".
public enum Pack {
    /// "VARVEPK1".
    static let magic: UInt64 = 0x314b_5045_5652_4156
    /// "VARVEPKE".
    static let endMagic: UInt64 = 0x454b_5045_5652_4156
    static let version: UInt8 = 1
    public static let headerSize = 48
    public static let footerSize = 24
    public static let blobsMax = 65_536
    /// A pack is smaller than this.
    public static let sizeLimit = 1 << 31
    /// The smallest pack: one blob of one byte.
    static let sizeMin = headerSize + BlobRecord.headerSize + 1 + PackEntry.size + footerSize
}

/// A finished pack.
public struct SealedPack: Sendable {
    /// SHA-256 of the bytes.
    public let name: Hash256
    /// The pack, or what of it has not been drained.
    public let bytes: [UInt8]
    /// Bytes of the whole pack.
    public let size: Int
    /// Ascending by id.
    public let entries: [PackEntry]
}

/// Fills a pack with blobs. Source: Spec 08, "Pack".
///
///     0        48                              x           x + 48 n
///     | header | blob record | blob record | … | n entries | footer |
public struct PackBuilder: ~Copyable, Sendable {
    private var writer: ByteWriter
    private var entries: [PackEntry] = []
    private var ids: Set<Hash256> = []
    /// Of the first `hashedBytes` bytes: hashed as they come, so that little is left at the end.
    private var hasher = SHA256Hasher()
    private var hashedBytes = 0
    /// Bytes that were drained: `writer` holds what follows them.
    private var drainedBytes = 0

    /// - Parameter capacity: bytes to make room for.
    public init(capacity: Int = 0) {
        writer = ByteWriter(capacity: max(capacity, Pack.headerSize))
        begin()
    }

    private mutating func begin() {
        writer.append(u64: Pack.magic)
        writer.append(u64: UInt64(Pack.version))
        writer.append(repeating: 0, count: 32)
        hasher = SHA256Hasher()
        hashedBytes = 0
        drainedBytes = 0
    }

    private mutating func hashOn() {
        Self.update(&hasher, writer, from: hashedBytes)
        hashedBytes = writer.count
    }

    private static func update(
        _ hasher: inout SHA256Hasher, _ bytes: borrowing ByteWriter, from start: Int
    ) {
        hasher.update(bytes.bytes.part(start, bytes.count))
    }

    /// Where the next blob record will begin.
    private var position: Int { drainedBytes + writer.count }

    /// Bytes of the pack held here.
    public var heldBytes: Int { writer.count }

    /// Hands over the bytes held here, the pack's next, which nothing will change any more.
    public mutating func drain<Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        try body(writer.bytes)
        hashOn()
        drainedBytes += writer.count
        writer.removeAll()
        hashedBytes = 0
    }

    /// Blobs so far.
    public var blobCount: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }

    /// Bytes that the pack would have if it were finished now.
    public var byteCount: Int {
        position + entries.count * PackEntry.size + Pack.footerSize
    }

    /// Whether the blob is in the pack.
    public func contains(_ id: Hash256) -> Bool { ids.contains(id) }

    /// Whether a record of so many bytes, header and all, still fits.
    public func hasRoom(forRecordOf size: Int) -> Bool {
        entries.count < Pack.blobsMax
            && byteCount + size + PackEntry.size < Pack.sizeLimit
    }

    /// Appends a blob record made before, unless its blob is in the pack.
    /// - Parameter record: header and blob, as `BlobRecord.append` makes them.
    /// - Returns: whether it was appended.
    /// - Throws: `damaged` if the header is.
    @discardableResult
    public mutating func append(record: RawSpan) throws(VarveError) -> Bool {
        var cursor = ByteCursor(record)
        let header = try BlobRecord(header: &cursor)
        guard cursor.remaining == Int(header.storedBytes) else {
            throw VarveError(.damaged, "a blob record has another length than it says")
        }
        return add(header) { $0.append(record) }
    }

    /// Appends a blob, compressed if that saves a byte, unless it is in the pack.
    /// - Returns: its id, and whether it was appended.
    @discardableResult
    public mutating func append(
        plain: RawSpan, type: BlobType, effort: LZ4.Effort = .fast
    ) -> (id: Hash256, isNew: Bool) {
        let id = sha256(plain)
        if ids.contains(id) { return (id, false) }
        let offset = position
        let record = BlobRecord.append(plain, type: type, effort: effort, id: id, to: &writer)
        note(record, at: offset)
        return (id, true)
    }

    private mutating func add(
        _ header: BlobRecord, _ write: (inout ByteWriter) -> Void
    ) -> Bool {
        if ids.contains(header.id) { return false }
        let offset = position
        write(&writer)
        note(header, at: offset)
        return true
    }

    private mutating func note(_ record: BlobRecord, at offset: Int) {
        ids.insert(record.id)
        entries.append(PackEntry(record, offset: UInt32(offset)))
        hashOn()
        precondition(
            entries.count <= Pack.blobsMax && byteCount < Pack.sizeLimit,
            "ask hasRoom before appending")
    }

    /// Closes the pack; the builder is empty afterwards and keeps its memory.
    /// - Precondition: it holds a blob.
    public mutating func finish() -> SealedPack {
        precondition(!isEmpty, "a pack holds at least one blob")
        entries.sort { $0.id < $1.id }
        let start = position
        let entriesStart = writer.count
        for entry in entries { entry.encode(into: &writer) }
        let checksum = crc32(writer.bytes.part(entriesStart, writer.count))
        writer.append(u64: UInt64(start))
        writer.append(u32: UInt32(entries.count))
        writer.append(u32: checksum)
        writer.append(u64: Pack.endMagic)
        hashOn()
        let size = position
        let pack = SealedPack(
            name: hasher.finish(), bytes: writer.takeBytes(), size: size, entries: entries)
        entries.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
        begin()
        return pack
    }
}
