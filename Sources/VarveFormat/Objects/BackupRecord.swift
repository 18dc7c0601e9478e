public import VarveBytes

/// A name and a retention for one checkpoint: an object under `tables/<id>/backups/`. It copies
/// nothing; its pages are found through the newest layout. Source: Spec 09, "Backup".
public struct BackupRecord: Hashable, Sendable {
    /// Who wanted it.
    public enum Kind: UInt8, Sendable {
        case user = 0
        case system = 1
    }

    public var id: BackupID
    public var name: String
    public var arn: String
    public var kind: Kind
    /// Microseconds since 1970.
    public var created: Int64
    /// The checkpoint.
    public var instant: Instant
    /// Microseconds since 1970 from which on it may be deleted; nil: until someone deletes it.
    public var keepUntil: Int64?
    /// The commit that the checkpoint stands in, and its hash.
    public var commitSequence: UInt64
    public var commitHash: Hash256
    /// Table digest of the state.
    public var digest: Hash256
    /// Items of the state.
    public var items: UInt64
    /// Sum of the item sizes.
    public var bytes: UInt64
    /// What it was made from, for people.
    public var source: String

    public init(
        id: BackupID, name: String, arn: String, kind: Kind, created: Int64, instant: Instant,
        keepUntil: Int64?, commitSequence: UInt64, commitHash: Hash256, digest: Hash256,
        items: UInt64, bytes: UInt64, source: String
    ) {
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
}

extension BackupRecord: SealedRecord {
    public static var objectType: ObjectType { .backup }

    public func encodeBody(into writer: inout ByteWriter) {
        id.encode(into: &writer)
        writer.append(text: name)
        writer.append(text: arn)
        writer.append(kind.rawValue)
        writer.append(i64: created)
        writer.append(instant)
        writer.append(i64: keepUntil ?? 0)
        writer.append(varint: commitSequence)
        writer.append(commitHash)
        writer.append(digest)
        writer.append(varint: items)
        writer.append(varint: bytes)
        writer.append(text: source)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        id = try BackupID(from: &cursor)
        name = try cursor.text()
        arn = try cursor.text()
        guard let kind = Kind(rawValue: try cursor.u8()) else {
            throw cursor.fault("the kind of backup is not known")
        }
        self.kind = kind
        created = try cursor.i64()
        instant = try cursor.instant()
        let until = try cursor.i64()
        keepUntil = until == 0 ? nil : until
        commitSequence = try cursor.varint()
        commitHash = try cursor.hash()
        digest = try cursor.hash()
        items = try cursor.varint()
        bytes = try cursor.varint()
        source = try cursor.text()
    }

    public func check() throws(VarveError) {
        try RecordRules.checkText(name, "the backup's name")
        try RecordRules.checkText(arn, "the backup's ARN")
        try RecordRules.checkText(source, "the backup's source")
        try RecordRules.checkTime(created, "the time of creation")
        if let keepUntil {
            try RecordRules.checkTime(keepUntil, "the end of retention")
            if keepUntil == 0 { throw RecordRules.fault("retention cannot end at time 0") }
        }
    }
}
