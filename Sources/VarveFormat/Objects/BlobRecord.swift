public import VarveBytes

/// What a blob holds. Source: Spec 08.
public enum BlobType: UInt8, Sendable, Hashable, CaseIterable {
    case imageLeaf = 1
    case runLeaf = 2
    case imageIndex = 3
    case runIndex = 4
    case outlinedValue = 5
    case checkpointLeaf = 6
    case checkpointIndex = 7
    case timeList = 8
    case timeListIndex = 9
}

/// How a blob is compressed. Source: Spec 08.
public enum Codec: UInt8, Sendable, Hashable {
    case none = 0
    case lz4 = 1
}

/// The header before each blob in a pack or in line, which lets a damaged pack resynchronise.
/// Source: Spec 08, "Blob record".
///
///     0       4      5       6        7   8         12       16    48       52
///     | magic | type | codec | cipher | 0 | stored  | plain  | id  | CRC-32 | the blob, stored
public struct BlobRecord: Hashable, Sendable {
    /// "VBLB".
    static let magic: UInt32 = 0x424c_4256
    public static let headerSize = 52
    /// Greatest plain length. Source: Spec 13.
    public static let plainBytesMax = 67_108_864

    public let type: BlobType
    public let codec: Codec
    /// Bytes of the blob as stored, behind the header.
    public let storedBytes: UInt32
    /// Bytes uncompressed.
    public let plainBytes: UInt32
    /// SHA-256 of the plain bytes.
    public let id: Hash256

    init(type: BlobType, codec: Codec, storedBytes: UInt32, plainBytes: UInt32, id: Hash256) {
        self.type = type
        self.codec = codec
        self.storedBytes = storedBytes
        self.plainBytes = plainBytes
        self.id = id
    }

    /// Bytes of header and blob together.
    public var size: Int { Self.headerSize + Int(storedBytes) }

    /// The words before the id.
    private var head: (UInt32, UInt32, UInt32, UInt32) {
        (
            Self.magic, UInt32(type.rawValue) | UInt32(codec.rawValue) << 8,
            storedBytes, plainBytes
        )
    }

    /// Appends the header.
    func encodeHeader(into writer: inout ByteWriter) {
        let start = writer.count
        writer.append(repeating: 0, count: Self.headerSize)
        overwriteHeader(in: &writer, at: start)
    }

    /// Writes the header over 52 bytes that were left for it.
    func overwriteHeader(in writer: inout ByteWriter, at start: Int) {
        let head = head
        writer.overwrite(at: start, u32: head.0)
        writer.overwrite(at: start + 4, u32: head.1)
        writer.overwrite(at: start + 8, u32: head.2)
        writer.overwrite(at: start + 12, u32: head.3)
        writer.overwrite(at: start + 16, u64: id.words.0)
        writer.overwrite(at: start + 24, u64: id.words.1)
        writer.overwrite(at: start + 32, u64: id.words.2)
        writer.overwrite(at: start + 40, u64: id.words.3)
        let checksum = crc32(writer.bytes.part(start, start + 48))
        writer.overwrite(at: start + 48, u32: checksum)
    }

    /// Reads a header; the blob itself comes next.
    /// - Throws: `damaged`; `unsupported` if the blob is encrypted.
    public init(header cursor: inout ByteCursor) throws(VarveError) {
        let bytes = try cursor.take(Self.headerSize)
        var fields = ByteCursor(bytes)
        guard try fields.u32() == Self.magic else {
            throw VarveError(.damaged, "no blob begins here")
        }
        let (type, codec) = (try fields.u8(), try fields.u8())
        let (cipher, zero) = (try fields.u8(), try fields.u8())
        storedBytes = try fields.u32()
        plainBytes = try fields.u32()
        id = try fields.hash()
        guard try fields.u32() == crc32(bytes.part(0, 48)) else {
            throw VarveError(.damaged, "a blob's header does not fit its checksum")
        }
        if cipher == 1 {
            throw VarveError(
                .unsupported, "the blob is encrypted; this program does not read that yet")
        }
        guard let type = BlobType(rawValue: type), let codec = Codec(rawValue: codec),
            cipher == 0, zero == 0
        else { throw VarveError(.damaged, "a blob's type, codec or cipher is not known") }
        self.type = type
        self.codec = codec
        guard Self.areLengths(stored: storedBytes, plain: plainBytes, codec: codec) else {
            throw VarveError(.damaged, "a blob's lengths contradict its codec")
        }
    }

    /// Whether a blob of this codec can have these lengths.
    static func areLengths(stored: UInt32, plain: UInt32, codec: Codec) -> Bool {
        guard (1...UInt32(plainBytesMax)).contains(plain) else { return false }
        switch codec {
        case .none: return stored == plain
        case .lz4: return (1..<plain).contains(stored)
        }
    }
}
