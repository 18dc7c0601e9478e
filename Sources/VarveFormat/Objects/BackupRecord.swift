public import VarveBytes

/// A name and a retention for one checkpoint. Source: Spec 09, Backup.
public struct BackupRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.backup

    public enum Kind: UInt8, Sendable { case user = 0, system = 1 }

    /// Sixteen random bytes; the object's name.
    public var id: [UInt8]
    public var name: String
    public var arn: String
    public var kind: Kind
    /// Microseconds since 1970, as all times here.
    public var created: Int64
    /// The checkpoint.
    public var instant: Int64
    /// Nil: until deleted.
    public var keepUntil: Int64?
    public var commitSequence: UInt64
    public var commitHash: Hash256
    public var digest: Hash256
    public var items: UInt64
    /// Sum of the item sizes (Spec 03).
    public var bytes: UInt64
    /// What it was made from, for people.
    public var source: String

    public init(
        id: [UInt8], name: String, arn: String, kind: Kind, created: Int64, instant: Int64,
        keepUntil: Int64?, commitSequence: UInt64, commitHash: Hash256, digest: Hash256,
        items: UInt64, bytes: UInt64, source: String
    ) {
        precondition(id.count == 16)
        self.id = id
        self.name = name
        self.arn = arn
        self.kind = kind
        self.created = created
        self.instant = instant
        self.keepUntil = keepUntil
        self.commitSequence = commitSequence
        self.commitHash = commitHash
        self.digest = digest
        self.items = items
        self.bytes = bytes
        self.source = source
    }

    /// The id as 32 hexadecimal digits.
    public var idText: String { id.raw.hexadecimal }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(id)
        output.append(text: name)
        output.append(text: arn)
        output.append(kind.rawValue)
        output.append(i64: created)
        output.append(i64: instant)
        output.append(i64: keepUntil ?? 0)
        output.append(varint: commitSequence)
        output.append(commitHash)
        output.append(digest)
        output.append(varint: items)
        output.append(varint: bytes)
        output.append(text: source)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        id = try body.take(16).copyBytes()
        name = try body.text()
        arn = try body.text()
        guard let kind = Kind(rawValue: try body.u8()) else { throw body.fault("a backup's kind") }
        self.kind = kind
        created = try body.i64()
        instant = try body.wholeSecond()
        let until = try body.i64()
        keepUntil = until == 0 ? nil : until
        commitSequence = try body.varint()
        commitHash = try body.hash()
        digest = try body.hash()
        items = try body.varint()
        bytes = try body.varint()
        source = try body.text()
    }
}

extension ByteCursor {
    /// Reads a `time` that must be an instant: a whole second. Source: Spec 01, 10.
    mutating func wholeSecond() throws(VarveError) -> Int64 {
        let time = try i64()
        if time % 1_000_000 != 0 { throw fault("an instant is not a whole second") }
        return time
    }
}
