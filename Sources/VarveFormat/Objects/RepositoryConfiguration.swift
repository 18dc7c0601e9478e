public import VarveBytes

/// What a repository is. Source: Spec 09, Configuration.
public struct RepositoryConfiguration: SealedRecord, Hashable {
    public static let objectType = ObjectType.configuration
    /// Size at which writers close a pack, unless told otherwise.
    public static let packBytesDefault = 16_777_216

    /// Sixteen random bytes.
    public var repositoryID: [UInt8]
    /// Microseconds since 1970.
    public var created: Int64
    /// Sixteen random bytes that decide where pages end (Spec 06).
    public var cutKey: [UInt8]
    /// Size at which writers close a pack.
    public var packBytes: Int

    public init(
        repositoryID: [UInt8], created: Int64, cutKey: [UInt8],
        packBytes: Int = packBytesDefault
    ) {
        precondition(repositoryID.count == 16 && cutKey.count == 16)
        self.repositoryID = repositoryID
        self.created = created
        self.cutKey = cutKey
        self.packBytes = packBytes
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(repositoryID)
        output.append(i64: created)
        output.append(0)
        output.append(counted: cutKey)
        output.append(count: packBytes)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        repositoryID = try body.take(16).copyBytes()
        created = try body.i64()
        if try body.u8() != 0 {
            throw VarveError(.unsupported, "the repository's ids need a key; this program has none")
        }
        cutKey = try body.counted().copyBytes()
        if cutKey.count != 16 { throw body.fault("a cut key of \(cutKey.count) bytes") }
        let size = try body.varint()
        if size < 4_096 || size >= 1 << 31 { throw body.fault("a pack size of \(size)") }
        packBytes = Int(size)
    }
}
