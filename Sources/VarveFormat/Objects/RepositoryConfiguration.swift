public import VarveBytes

/// What a repository is made with, once: the object `config`. Source: Spec 09, "Configuration".
public struct RepositoryConfiguration: Hashable, Sendable {
    /// Size at which writers close a pack unless told otherwise.
    public static let packBytesDefault: UInt64 = 16_777_216

    public var id: RepositoryID
    /// Microseconds since 1970.
    public var created: Int64
    /// Sixteen random bytes: the key of the cut rule (Spec 06).
    public var cutKey: [UInt8]
    /// Size at which writers close a pack; less than 2^31.
    public var packBytes: UInt64

    public init(
        id: RepositoryID, created: Int64, cutKey: [UInt8],
        packBytes: UInt64 = packBytesDefault
    ) {
        self.id = id
        self.created = created
        self.cutKey = cutKey
        self.packBytes = packBytes
    }
}

extension RepositoryConfiguration: SealedRecord {
    public static var objectType: ObjectType { .configuration }

    public func encodeBody(into writer: inout ByteWriter) {
        id.encode(into: &writer)
        writer.append(i64: created)
        writer.append(0 as UInt8)  // Id scheme: SHA-256.
        writer.append(counted: cutKey)
        writer.append(varint: packBytes)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        id = try RepositoryID(from: &cursor)
        created = try cursor.i64()
        switch try cursor.u8() {
        case 0: break
        case 1:
            throw VarveError(
                .unsupported, "the repository is encrypted; this program does not read that yet")
        default: throw cursor.fault("the id scheme is not known")
        }
        cutKey = try cursor.counted(exactly: 16).copyBytes()
        packBytes = try cursor.varint()
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(created, "the time of creation")
        if cutKey.count != 16 { throw RecordRules.fault("a cut key has 16 bytes") }
        if packBytes < 1 || packBytes >= 1 << 31 {
            throw RecordRules.fault("a pack cannot have \(packBytes) bytes")
        }
    }
}
