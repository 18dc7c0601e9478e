public import VarveBytes

/// Where in a pack a blob lies: an entry of the pack's index. Source: Spec 08, "Pack".
public struct PackEntry: Hashable, Sendable {
    public let id: Hash256
    /// Offset of the blob record in the pack.
    public let offset: UInt32
    /// Bytes of the blob as stored, behind its header.
    public let storedBytes: UInt32
    /// Bytes uncompressed.
    public let plainBytes: UInt32
    public let type: BlobType
    public let codec: Codec

    /// Bytes that an entry takes.
    public static let size = 48

    /// The entry of a record at an offset.
    public init(_ record: BlobRecord, offset: UInt32) {
        id = record.id
        self.offset = offset
        storedBytes = record.storedBytes
        plainBytes = record.plainBytes
        type = record.type
        codec = record.codec
    }

    init(
        id: Hash256, offset: UInt32, storedBytes: UInt32, plainBytes: UInt32, kind: UInt32
    ) throws(VarveError) {
        self.id = id
        self.offset = offset
        self.storedBytes = storedBytes
        self.plainBytes = plainBytes
        guard kind >> 16 == 0, let type = BlobType(rawValue: UInt8(kind & 0xff)),
            let codec = Codec(rawValue: UInt8(kind >> 8))
        else {
            if kind >> 16 == 1 {
                throw VarveError(
                    .unsupported, "the blob is encrypted; this program does not read that yet")
            }
            throw VarveError(.damaged, "an index entry's type, codec or cipher is not known")
        }
        self.type = type
        self.codec = codec
        guard BlobRecord.areLengths(stored: storedBytes, plain: plainBytes, codec: codec) else {
            throw VarveError(.damaged, "an index entry's lengths contradict its codec")
        }
    }

    /// The header that must stand at `offset`.
    public var record: BlobRecord {
        BlobRecord(
            type: type, codec: codec, storedBytes: storedBytes, plainBytes: plainBytes, id: id)
    }

    /// The bytes of the record in the pack, header and all: what to read to get the blob.
    public var range: Range<Int> {
        Int(offset)..<Int(offset) + BlobRecord.headerSize + Int(storedBytes)
    }

    /// Type, codec, cipher and zero as one word.
    var kind: UInt32 { UInt32(type.rawValue) | UInt32(codec.rawValue) << 8 }

    func encode(into writer: inout ByteWriter) {
        writer.append(id)
        writer.append(u32: offset)
        writer.append(u32: storedBytes)
        writer.append(u32: plainBytes)
        writer.append(u32: kind)
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        try self.init(
            id: try cursor.hash(), offset: try cursor.u32(), storedBytes: try cursor.u32(),
            plainBytes: try cursor.u32(), kind: try cursor.u32())
    }

    /// Appends the blob's plain bytes, proven by its id, from the bytes of `range`.
    /// - Throws: `damaged`, also if the record there is another than this entry says.
    public func appendPlain(
        of record: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        var cursor = ByteCursor(record)
        guard try BlobRecord(header: &cursor) == self.record else {
            throw VarveError(.damaged, "a blob's header contradicts the index")
        }
        try self.record.appendPlain(of: try cursor.take(cursor.remaining), to: &output)
    }
}
